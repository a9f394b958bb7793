"""Latent space: colours, selections, projections and holes, against numbers computed another way."""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import latents
from explorer import ROOT, colours, image_numbers, library, mismatch, projections, selected
from explorer import chosen as explorer_chosen
from explorer.canvas import picked
from latents.data import TEST_SEED, binarise

VAMP, STANDARD, PCA = "digits-vampprior-2d", "digits-standard-2d", "digits-pca"
DEEP, HIERARCHY = "digits-standard-8d", "digits-hvae"


def page(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params.update(parameters)
    at.run()
    at.switch_page("../pages/latent_space.py")
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*at.markdown, *at.info, *at.caption])


def settings(at: AppTest) -> dict:
    import json

    return json.loads(at.get("bidi_component")[0].proto.json)


def entry_of(name: str) -> library.Entry:
    found = library.find(name)
    assert found is not None
    return found


def seen(name: str) -> tuple[latents.Model, torch.Tensor]:
    net = latents.load(ROOT / "trained" / name)
    return net, binarise(latents.data.load("digits").test.images, TEST_SEED)


# -- colours -------------------------------------------------------------------------------------------------


def test_numbers_add_up_and_agree_with_many_draws():
    found = image_numbers.of(entry_of(STANDARD))
    assert found.elbo == pytest.approx(-found.error - found.kl, abs=1e-4)
    net, x = seen(STANDARD)
    with torch.no_grad():
        q = net.encode(x)
        z = q.mean + q.stddev * torch.randn(200, *q.mean.shape, generator=torch.Generator().manual_seed(1))
        means = net.picture(z.flatten(0, 1)).images.view(200, *x.shape).clamp(1e-6, 1 - 1e-6)
    likelihood = (x * means.log() + (1 - x) * (1 - means).log()).flatten(2).sum(-1).mean(0)
    kl = 0.5 * (q.mean**2 + q.stddev**2 - 1 - 2 * q.stddev.log()).sum(-1)
    assert -found.error.mean() == pytest.approx(float(likelihood.mean()), abs=0.3)
    assert np.corrcoef(-found.error, likelihood)[0, 1] > 0.85  # (one draw of it, or the mean of many)
    assert np.corrcoef(found.kl, kl)[0, 1] > 0.7  # (one draw of it, or its closed form)
    assert found.kl.mean() == pytest.approx(float(kl.mean()), abs=0.2)


def test_a_model_without_a_likelihood_has_squared_errors():
    found = image_numbers.of(entry_of(PCA))
    assert found.elbo is None
    assert found.kl is None
    x = library.images(entry_of(PCA)).seen.reshape(300, -1) / 255.0
    mean = latents.load(ROOT / "trained" / PCA).picture(torch.tensor(library.encoding(entry_of(PCA)).points)).images
    assert found.error == pytest.approx(((x - mean.detach().numpy().reshape(300, -1)) ** 2).sum(1), rel=1e-4)


def test_the_component_that_explains_an_image_is_the_most_probable_one():
    net, x = seen(VAMP)
    with torch.no_grad():
        z, q = net.encode(x).mean, net.encode(net.pseudo_inputs)
        log_q = torch.distributions.Normal(q.mean, q.stddev).log_prob(z[:, None]).sum(-1)
    weights = getattr(net.mixture(), "weights", None)
    if weights is None:
        assert (image_numbers.component(entry_of(VAMP)) == log_q.argmax(1).numpy()).mean() > 0.99


def test_what_a_model_can_be_coloured_by():
    assert colours.options([entry_of(VAMP)]) == ["Class", "ELBO", "Error", "KL", "Pseudo-input", "Unit"]
    assert colours.options([entry_of(PCA)]) == ["Class", "Error", "Unit"]
    assert "Unit" not in colours.options([entry_of("digits-vmf")])


@pytest.mark.parametrize(
    ("by", "key", "said"),
    [
        ("ELBO", "elbo", "its ELBO in nats"),
        ("Error", "error", "reconstruction error in nats"),
        ("KL", "kl", "in nats"),
        ("Pseudo-input", "pseudo-inputs", "that explains it most"),
    ],
)
def test_colours_by_link(by, key, said):
    at = page(model=VAMP, colour=by)
    sent = settings(at)
    assert sent["settings"]["colour"] == key
    assert key in sent["planes"][0]["values"]
    assert said in texts(at)


def test_a_unit_by_link_and_one_that_is_gone():
    at = page(model=DEEP, colour="Unit", **{"by-unit": "7"})
    assert settings(at)["settings"]["colour"] == "unit-6"
    assert "coloured by z₇" in texts(at)
    at = page(model=DEEP, colour="Unit", **{"by-unit": "99"})
    assert settings(at)["settings"]["colour"].startswith("unit-")


def test_a_model_that_has_no_such_number_says_so():
    at = page(model=STANDARD, beside=PCA, colour="KL")
    assert f"{PCA}: no such number" in texts(at)


# -- a selection ---------------------------------------------------------------------------------------------


def test_a_selection_is_summed_up():
    chosen = tuple(range(10, 60))
    at = page(model=STANDARD, picked=picked.encode(chosen))
    elbo = image_numbers.of(entry_of(STANDARD)).elbo
    mean, error = elbo[10:60].mean(), elbo[10:60].std(ddof=1) / np.sqrt(50)
    assert f"mean ELBO −{-mean:.1f} ± {error:.1f} nats; of all 300 −{-elbo.mean():.1f}" in texts(at)
    assert "mean code, decoded" in texts(at)
    assert [button.label for button in at.get("download_button")].count("CSV and images") == 1


def test_the_decoded_mean_is_that_of_the_mean_code():
    net, x = seen(STANDARD)
    with torch.no_grad():
        picture = net.picture(net.encode(x[[3, 5, 8]]).mean.mean(0, keepdim=True)).images[0]
    found = explorer_chosen.decoded_mean(entry_of(STANDARD), (3, 5, 8))
    assert found == pytest.approx(255 * picture.numpy(), abs=1)


def test_the_file_of_a_selection():
    """Codes and pictures against the model and the data themselves."""
    with zipfile.ZipFile(io.BytesIO(selected.archive([entry_of(VAMP), entry_of(PCA)], (3, 17)))) as file:
        assert set(file.namelist()) == {"selection.csv", "about.txt", "images/00003.png", "images/00017.png"}
        table = list(csv.DictReader(io.StringIO(file.read("selection.csv").decode())))
        picture = np.asarray(Image.open(io.BytesIO(file.read("images/00017.png"))))
    test = latents.data.load("digits").test
    assert picture == pytest.approx(255 * test.images[17, 0].numpy(), abs=0.51)
    assert [row["class"] for row in table] == [str(int(test.labels[i])) for i in (3, 17)]
    net, x = seen(VAMP)
    mean = net.encode(x[[3, 17]]).mean.detach().numpy()
    written = [[float(row[f"{VAMP} z{u}"]) for u in (1, 2)] for row in table]
    assert np.array(written) == pytest.approx(mean, abs=1e-4)
    for row in table:
        terms = [float(row[f"{VAMP} {name} (nats)"]) for name in ("ELBO", "error", "KL")]
        assert terms[0] == pytest.approx(-terms[1] - terms[2], abs=1e-3)
        assert f"{PCA} error (squared gray levels)" in row
        assert f"{PCA} KL (nats)" not in row


def test_one_image_has_its_posterior_and_as_many_neighbours_as_asked_for():
    at = page(model=STANDARD, picked="17", k="3")
    encoding = library.encoding(entry_of(STANDARD))
    distances = np.sort(np.linalg.norm(encoding.points - encoding.points[17], axis=1))
    assert f"({distances[1]:.2f}–{distances[3]:.2f} away)" in texts(at)
    first, spread = encoding.points[17, 0], encoding.stddev[17, 0]
    assert f"z₁ = {first:.2f} ± {spread:.2f}".replace("= -", "= −") in texts(at)
    assert settings(at)["settings"]["neighbours"] == 3


def test_an_empty_or_stale_selection_is_none():
    for stale in ("", "99999", "x"):
        at = page(model=STANDARD, picked=stale)
        assert not at.get("download_button") or "CSV and images" not in [one.label for one in at.get("download_button")]


# -- projections ---------------------------------------------------------------------------------------------


def test_a_pair_of_units_is_latent_space_itself_in_two_directions():
    entry = entry_of(DEEP)
    shown = projections.layout(entry, projections.Choice("Units", pair=(6, 2)))
    z = library.encoding(entry).points
    assert shown.points == pytest.approx(z[:, [6, 2]], abs=1e-5)
    assert "z₇" in shown.x_title
    assert "z₃" in shown.y_title
    back = shown.from_plane(np.array([[1.5, -2.0]]))[0]
    assert back[[6, 2]] == pytest.approx([1.5, -2.0])
    others = [u for u in range(8) if u not in (6, 2)]
    assert back[others] == pytest.approx(z.mean(axis=0)[others], abs=1e-5)


def test_pairs_are_ranked_and_by_link():
    at = page(model=DEEP, plane="Units", across="7", up="3")
    assert settings(at)["planes"][0]["xTitle"].startswith("z₇")
    first = page(model=DEEP, plane="Units")
    kl = np.array(entry_of(DEEP).metrics["units"]["kl"])
    assert [box.value for box in first.selectbox if box.key == "across"] == [str(kl.argmax() + 1)]
    gone = page(model=DEEP, plane="Units", across="99", up="99")
    assert settings(gone)["planes"][0]["xTitle"].startswith(f"z{'₀₁₂₃₄₅₆₇₈'[kl.argmax() + 1]}")


def test_a_layer_of_a_hierarchy_has_its_own_plane():
    entry = entry_of(HIERARCHY)
    net = seen(HIERARCHY)[0]
    top, below = (layer.size for layer in net.space.layers)
    z = library.encoding(entry).points
    for layer, columns in ((0, slice(0, top)), (1, slice(top, top + below))):
        shown = projections.layout(entry, projections.Choice("PCA", layer=layer))
        part = z[:, columns] - z[:, columns].mean(axis=0)
        spread = np.linalg.eigvalsh(np.cov(part.T, ddof=0))[::-1][:2]
        assert shown.points.var(axis=0) == pytest.approx(spread, rel=1e-3)
        moved = shown.from_plane(np.array([[2.0, 1.0]]))[0]
        fixed = np.delete(np.arange(top + below), np.r_[columns])
        assert moved[fixed] == pytest.approx(z.mean(axis=0)[fixed], abs=1e-5)
    at = page(model=HIERARCHY, layer="z₁")
    assert "of z₁" in settings(at)["planes"][0]["xTitle"]
    assert "other layers are not on this plane" in texts(at)


@pytest.mark.parametrize("name", [STANDARD, DEEP, HIERARCHY, "digits-vmf-5d"])
def test_a_sample_of_z_is_shown_and_said(name):
    entry = entry_of(name)
    mean = projections.layout(entry, projections.Choice())
    drawn = projections.layout(entry, projections.Choice(drawn=True))
    assert drawn.name != mean.name
    assert not np.allclose(drawn.points, mean.points)
    at = page(model=name, **{"of-q": "One sample"})
    assert "one draw of z from q(z|x)" in texts(at)
    stddev = library.encoding(entry).stddev
    if name == DEEP and stddev is not None:  # standardised, draws are standard normal
        standard = (projections.draws(entry) - library.encoding(entry).points) / stddev
        assert standard.std() == pytest.approx(1, abs=0.05)
        assert standard.mean() == pytest.approx(0, abs=0.06)


def test_maps_are_offered_and_found(monkeypatch):
    at = page(model=DEEP, plane="t-SNE")
    assert "t-SNE of digits-standard-8d has not been computed yet" in texts(at)
    assert at.button(key="tsne-digits-standard-8d")
    angles = np.linspace(0, 3, 300)
    vectors = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1).astype(np.float32)
    stored = {
        "tsne": {"places": vectors[:, :2]},
        "umap-sphere": {"places": vectors},
        "umap-class": {"places": vectors[:, :2]},
    }
    monkeypatch.setattr("latents.neighbour_maps.stored", lambda path, method: stored[method])
    assert "t-SNE keeps neighbours" in texts(page(model=DEEP, plane="t-SNE"))
    assert "was told the classes" in texts(page(model=DEEP, plane="UMAP by class"))
    on_sphere = projections.layout(entry_of(DEEP), projections.Choice("UMAP on a sphere"))
    assert on_sphere.points[:, 1] == pytest.approx(0, abs=1e-6)  # the equator is a straight line of a Hammer map
    assert on_sphere.points[0] == pytest.approx([0, 0], abs=1e-6)
    monkeypatch.setattr("latents.neighbour_maps.why_not", lambda method: "t-SNE needs openTSNE.")
    stored["tsne"] = {}
    assert "t-SNE needs openTSNE" in texts(page(model=DEEP, plane="t-SNE"))


# -- holes ---------------------------------------------------------------------------------------------------


def test_holes_are_numbered_and_drawn():
    at = page(model=STANDARD, holes="true")
    found = mismatch.of(entry_of(STANDARD))
    assert f"{100 * found.share:.1f} ± {100 * found.standard_error:.1f} % of its mass" in texts(at)
    sent = settings(at)
    assert sent["settings"]["holes"]
    assert "holes" in sent["planes"][0]["contours"]


def test_the_tint_holds_as_much_of_the_prior_as_the_number_says():
    """Summed over the grid, against draws."""
    entry = entry_of(STANDARD)
    found = mismatch.of(entry)
    x, y, value = mismatch.heat(entry, ((-6.0, 6.0), (-6.0, 6.0)))
    density = value * np.exp(found.threshold)
    mass = density.sum() * (x[1] - x[0]) * (y[1] - y[0])
    assert mass == pytest.approx(found.share, abs=4 * found.standard_error + 0.01)


def test_holes_are_not_offered_where_a_density_is_missing():
    assert not mismatch.can(entry_of(DEEP))
    at = page(model=DEEP, holes="true")
    assert not settings(at)["settings"]["holes"]
    assert "Red are holes" not in texts(at)


def test_a_tint_is_full_where_the_prior_has_what_the_data_have_at_the_threshold():
    from safetensors.numpy import load

    from explorer.canvas import blobs

    axis, value = np.array([0.0, 1.0]), np.array([[0.0, 0.25], [1.0, 4.0]])
    shown = np.exp(load(blobs.heat(axis, axis, value, full=1.0))["log_density"].astype(float))
    np.testing.assert_allclose(shown, [[0, 0.25], [1, 1]], atol=2e-3)
    shown = np.exp(load(blobs.heat(axis, axis, value))["log_density"].astype(float))
    np.testing.assert_allclose(shown, [[0, 1 / 16], [0.25, 1]], atol=2e-3)
