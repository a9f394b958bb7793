"""Home and the latent space page, with every shipped model and with broken ones."""

import json
import shutil

import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT, library, planes

SHIPPED = sorted(path.parent.name for path in (ROOT / "trained").glob("*/model.safetensors"))
QUICK = ("digits-standard-2d", "digits-vampprior-2d", "mnist-standard-2d", "mnist-vampprior-40d")
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SHIPPED]
LATENT = "../pages/latent_space.py"


def app(page: str | None = None, **parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    at.query_params.update(parameters)
    at.run()
    if page is not None:
        at.switch_page(page).run()
    return at


def texts(at: AppTest) -> str:
    return " ".join(str(part.value) for part in [*at.title, *at.markdown, *at.subheader])


@pytest.mark.parametrize("name", EVERY)
def test_home_opens_on_every_model(name):
    at = app(model=name)
    assert not at.exception
    assert not at.info
    assert name in texts(at)
    assert len(at.get("bidi_component")) == bool(planes.kinds(library.find(name)))


def test_home_sets_the_twin_beside():
    at = app(model="digits-vampprior-2d")
    assert at.title[0].value == "Same data, same network, different prior."
    assert "digits-standard-2d | digits-vampprior-2d" in texts(at)


@pytest.mark.parametrize("name", EVERY)
def test_latent_space_opens_on_every_model(name):
    at = app(LATENT, model=name)
    if not planes.kinds(library.find(name)):
        assert at.info[0].value == library.why_not(library.find(name), "encode")
        return
    for shown in ("Points", "Decoded plane", "Training", "Draw"):
        at.session_state["view"] = shown
        at.run()
        assert not at.exception
        assert len(at.get("bidi_component")) == 1
        assert len(at.get("image")) >= 2  # the decoded point and its neighbours


def test_the_gallery_is_grouped_by_family_and_filtered_by_data(tiny, tmp_path, monkeypatch):
    import latents

    kinds = {"pictures": "finite-memory", "axes": "pca"}
    for name, kind in kinds.items():
        latents.train(tiny(training__epochs=1, model__kind=kind), tmp_path / name, accelerator="cpu")
    for i in range(9):
        (tmp_path / f"digits-{i}").symlink_to(ROOT / "trained" / "digits-standard-2d")
    (tmp_path / "other").symlink_to(ROOT / "trained" / "mnist-standard-2d")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    at = app(model="digits-0")
    headings = [text for text in texts(at).split("**") if text in library_families()]
    assert headings == ["Variational auto-encoders", "Autoregressive models", "Linear models"]
    assert len(cards(at)) == 12
    at = app(model="digits-0", data="MNIST")
    assert cards(at) == ["open-other"]
    at = app(model="digits-0")
    at.button(key="open-pictures").click().run()
    assert not at.exception
    assert at.title[0].value == "Samples"  # it has no plane to open on
    assert at.selectbox(key="model").value == "pictures"


def library_families() -> set[str]:
    return {entry.family for entry in library.whole()}


def cards(at: AppTest) -> list[str]:
    return [button.key for button in at.button if str(button.key).startswith("open-")]


def test_latent_space_with_a_model_beside():
    at = app(LATENT, model="digits-vampprior-2d", beside="digits-standard-2d")
    assert not at.exception
    assert "digits-vampprior-2d (2 dimensions) | digits-standard-2d (2 dimensions)" in texts(at)


def test_a_typed_point():
    at = app(LATENT, model="digits-vampprior-2d")
    at.text_input(key="z").set_value("0.5, −1.2").run()
    assert not at.exception
    assert not at.warning
    at.text_input(key="z").set_value("0.5").run()
    assert "2 numbers here, but 1 were given" in at.warning[0].value
    at.text_input(key="z").set_value("0.5, much").run()
    assert "“0.5, much” was given" in at.warning[0].value


def test_chosen_images_are_shown_beside_the_plane():
    labels = library.images(library.find("digits-vampprior-2d")).labels
    at = app(LATENT, model="digits-vampprior-2d")
    at.session_state["picked"] = "3"
    at.run()
    assert not at.exception
    assert f"Test image 3: {labels[3]}" in texts(at)
    assert "reconstructed" in texts(at)
    chosen = [1, 5, 8, 13, 21, 34]
    at.session_state["picked"] = ".".join(map(str, chosen))
    at.run()
    assert "6 test images" in texts(at)
    for label in set(labels[chosen].tolist()):
        count = int((labels[chosen] == label).sum())
        assert f"**{label}** {count / 6:.0%}".replace("%", "\u202f%") + f" ({count})" in texts(at)
    at.button(key="clear-chosen").click().run()
    assert "6 test images" not in texts(at)
    assert not at.session_state["picked"]


def test_umap_that_was_not_computed_is_offered(tiny, tmp_path, monkeypatch):
    import latents

    latents.train(tiny(training__epochs=1, model__latent=5), tmp_path / "deep", accelerator="cpu")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    at = app(LATENT)
    at.session_state["plane"] = "UMAP"
    at.run()
    assert not at.exception
    assert "has not been computed yet" in at.info[0].value
    assert at.button(key="umap-deep")


def test_broken_models_leave_the_others_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    good = ROOT / "trained" / "digits-standard-2d"
    for name in ("good", "cut", "misfit"):
        shutil.copytree(good, tmp_path / name)
    (tmp_path / "cut" / "model.safetensors").write_bytes(b"not a model")
    recipe = json.loads((good / "config.json").read_text())
    recipe["model"]["latent"] = 3
    (tmp_path / "misfit" / "config.json").write_text(json.dumps(recipe))
    assert [entry.name for entry in library.whole()] == ["good", "misfit"]

    at = app(model="good")
    assert not at.exception
    assert len(at.get("bidi_component")) == 1
    assert "damaged" in at.warning[0].value

    at = app(model="misfit")
    assert not at.exception
    assert "does not fit" in at.info[0].value
    assert "good" in texts(at) or at.button(key="open-good")

    at = app(LATENT, model="misfit")
    assert not at.exception
    assert "does not fit" in at.info[0].value
