import pytest

from explorer import words


def test_numbers_have_a_real_minus_an_error_and_a_unit():
    assert words.with_error(-138.214, 0.418) == "−138.21 ± 0.42 nats"
    assert words.with_error(3.0, None, "bits/dim", 1) == "3.0 bits/dim"
    assert words.count(1, "image") == "1 image"
    assert words.count(10_000, "image") == "10,000 images"
    assert words.subscript(120) == "₁₂₀"


def test_what_was_not_measured_is_none():
    assert words.log_likelihood({}) is None
    assert words.log_likelihood({"log_likelihood": {"value": None}}) is None
    assert words.active_units({"units": None}) is None
    assert words.likelihood_provenance({}) is None


def test_metrics_in_words():
    metrics = {
        "log_likelihood": {"value": -87.64, "standard_error": 0.22, "estimator": "importance", "samples": 500},
        "units": {"active": 34, "total": 40},
    }
    assert words.log_likelihood(metrics) == "−87.64 ± 0.22 nats"
    assert words.likelihood_provenance(metrics) == "importance sampling, 500 samples"
    assert words.active_units(metrics) == "34 of 40"


def test_a_bound_and_a_density_say_so():
    found = {"value": -20.1, "standard_error": 0.3, "estimator": "bound", "measure": "discrete, binarisation: dynamic"}
    assert words.log_likelihood({"log_likelihood": found}) == "≥ −20.10 ± 0.30 nats"
    found |= {"estimator": "exact", "measure": "density, binarisation: none"}
    assert words.log_likelihood({"log_likelihood": found}) == "−20.10 ± 0.30 nats (density)"


def test_no_likelihood_is_not_the_same_as_not_measured():
    assert words.unmeasured({}) == "not measured yet"
    assert words.unmeasured({"no_likelihood": "PCA has none."}) == "no likelihood"


def test_a_paired_comparison_in_words():
    found = [{"with": "a", "difference": 0.5736, "standard_error": 0.1456}, {"with": "b", "difference": -2.0}]
    assert words.comparison({"comparisons": found}, "a") == "0.57 ± 0.15 nats better than a"
    assert words.comparison({"comparisons": found}, "b") == "2.00 nats worse than b"
    assert words.comparison({}, "a") is None


@pytest.mark.parametrize("typed", ["0.5, −1.2", "0.5;-1.2", " 0.5   -1.2 "])
def test_typed_numbers(typed):
    assert words.numbers(typed) == [0.5, -1.2]


@pytest.mark.parametrize("typed", ["a, 1", "nan", "1, inf"])
def test_what_is_no_number(typed):
    with pytest.raises(ValueError, match=r"float|finite"):
        words.numbers(typed)
