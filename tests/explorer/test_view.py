import shutil

import pytest
from streamlit.testing.v1 import AppTest

from explorer import ROOT


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory):
    import latents

    root = tmp_path_factory.mktemp("library")
    for name, prior in {"one": "standard", "two": "vampprior"}.items():
        recipe = tiny(training__epochs=1, model__prior__kind=prior)
        latents.train(recipe, root / name, accelerator="cpu")
    return root


@pytest.fixture(autouse=True)
def shelf(folders, monkeypatch):
    monkeypatch.setenv("EXPLORER_LIBRARY", str(folders))


def page():
    import streamlit as st

    from explorer import view

    view.style()
    view.pickers()
    st.text(" ".join(entry.name for entry in view.models()))
    st.text(view.hidden())


def shown(at: AppTest) -> list[str]:
    assert not at.exception
    return [text.value for text in at.text]


def test_the_pickers_choose_one_or_two_models():
    at = AppTest.from_function(page).run()
    assert shown(at) == ["two", "False"]  # the VampPrior comes first
    at.selectbox(key="beside").select("one").run()
    assert shown(at)[0] == "two one"
    at.selectbox(key="model").select("one").run()
    assert shown(at)[0] == "one"  # a model is not set beside itself


def test_the_link_sets_the_view():
    at = AppTest.from_function(page)
    at.query_params.update({"model": "one", "beside": "two", "hide": "controls"})
    assert shown(at.run()) == ["one two", "True"]


def test_a_link_to_a_model_that_is_gone_shows_another():
    at = AppTest.from_function(page)
    at.query_params.update({"model": "gone", "beside": "lost"})
    assert shown(at.run())[0] == "two"


def test_an_empty_library_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    at = AppTest.from_function(page).run()
    assert not at.exception
    assert "There are no models" in at.info[0].value
    assert "latents train" in at.info[0].value


def test_a_sentence_ends_before_the_next_begins():
    def script():
        from explorer import view

        view.unavailable("No model", "Choose one.")
        view.unavailable("No model.")

    at = AppTest.from_function(script).run()
    assert [note.value for note in at.info] == ["No model. Choose one.", "No model."]


def test_a_model_that_cannot_be_loaded_is_a_sentence(folders, tmp_path, monkeypatch):
    config = shutil.copytree(folders / "one", tmp_path / "one") / "config.json"
    config.write_text(config.read_text().replace('"latent": 2', '"latent": 3'))
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))

    def script():
        import streamlit as st

        from explorer import library, view

        view.encoded(library.find("one"))
        st.text("not reached")

    at = AppTest.from_function(script).run()
    assert not at.exception
    assert "does not fit" in at.info[0].value
    assert not at.text


def test_the_pickers_survive_a_page_change():
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=60)
    at.query_params.update({"model": "one", "beside": "two"})
    at.run()
    at.switch_page("../pages/latent_space.py").run()
    assert not at.exception
    assert (at.selectbox(key="model").value, at.selectbox(key="beside").value) == ("one", "two")
