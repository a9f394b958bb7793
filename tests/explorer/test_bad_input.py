"""What cannot be had is said in a sentence, and the page goes on: stale links, empty choices, files that are none.

The functions behind the files have tests of their own (test_opening.py, test_interpolate.py); here are the pages.
"""

from __future__ import annotations

import io
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from explorer import ROOT, drawn, library

CANVAS, CHART, IMAGE, TABLE = "bidi_component", "plotly_chart", "image", "table"
PLANE, DEEP, VAMP = "digits-standard-2d", "digits-standard-8d", "digits-vampprior-2d"
HIERARCHY, SPHERE, CODES = "digits-hvae", "digits-vmf", "digits-vq-vae"


def opened(page: str, **link: str) -> AppTest:
    """A page opened by a link, as by a visitor who comes from nowhere."""
    at = AppTest.from_file(str(ROOT / "explorer" / "Home.py"), default_timeout=120)
    if page != "home":
        at.switch_page(f"../pages/{page}.py")
    at.query_params.update({name.replace("__", "-"): value for name, value in link.items()})
    at.run()
    assert not at.exception, at.exception
    assert not at.error
    return at


def told(at: AppTest) -> str:
    """The sentences that a link was answered with."""
    return "\n".join(toast.value for toast in at.toast)


def said(at: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*at.markdown, *at.info, *at.warning])


STALE = [
    ("home", {"model": "gone"}, CANVAS, ["The model of this link, `gone`, is not in this library"]),
    ("latent_space", {"model": PLANE, "beside": "lost"}, CANVAS, ["beside it in this link, `lost`, is not in this"]),
    ("latent_space", {"model": PLANE, "plane": "UMAP"}, CANVAS, ["asks for plane `UMAP`, which this model has not"]),
    ("latent_space", {"model": DEEP, "plane": "Mercator"}, CANVAS, ["asks for plane `Mercator`", "“PCA” instead"]),
    ("latent_space", {"model": HIERARCHY, "layer": "z₉"}, CANVAS, ["asks for layer `z₉`", "“All layers” instead"]),
    ("latent_space", {"model": DEEP, "plane": "Units", "across": "9"}, CANVAS, ["asks for unit across `9`"]),
    ("latent_space", {"model": DEEP, "colour": "Unit", "by__unit": "99"}, CANVAS, ["unit to colour by `99`"]),
    ("latent_space", {"model": PLANE, "colour": "Mood"}, CANVAS, ["asks for colour `Mood`", "“Class” instead"]),
    ("latent_space", {"model": PLANE, "z1": "nan", "z2": "-inf"}, CANVAS, ["z₁ `nan`", "z₂ `-inf`"]),
    ("latent_space", {"model": PLANE, "picked": "3.999999"}, CANVAS, ["1 of this link's 2 chosen images is not among"]),
    ("latent_space", {"model": PLANE, "picked": "zzzz!"}, CANVAS, ["`zzzz!`, cannot be read: none is chosen"]),
    ("latent_space", {"model": PLANE, "hide": "everything"}, CANVAS, ["only `hide=controls` is known"]),
    ("samples", {"model": PLANE, "seed": "9" * 30, "temperature": "inf"}, IMAGE, ["seed `9999", "temperature `inf`"]),
    ("interpolate", {"model": PLANE, "image": "300", "towards": "-1"}, IMAGE, ["image `300`", "test image `-1`"]),
    ("interpolate", {"model": PLANE, "mode": "Classes", "target": "eleven"}, IMAGE, ["second class `eleven`"]),
    ("pseudo_inputs", {"model": VAMP, "rank": "0"}, IMAGE, ["asks for rank `0`", "it is 1 instead"]),
    ("active_units", {"model": DEEP, "threshold": "nan"}, CHART, ["asks for threshold `nan`", "it is 0.01 instead"]),
    ("traversals", {"model": DEEP, "image": "1" * 20}, CHART, ["asks for test image `1111"]),
    ("traversals", {"model": HIERARCHY, "layer": "7"}, CHART, ["asks for layer `7`", "it is 2 instead"]),
    ("layers_and_codes", {"model": CODES, "place": "400", "code": "-2"}, CHART, ["place `400`", "code `-2`"]),
    ("side_by_side", {"model": PLANE, "models": "gone"}, CANVAS, ["Of this link's models `gone` is not in this"]),
    ("side_by_side", {"model": PLANE, "compare": "Units", "by": "Luck"}, CHART, ["asks for by `Luck`"]),
    ("sphere", {"model": SPHERE, "longitude": "900", "map": "Flat"}, CANVAS, ["longitude `900`", "map `Flat`"]),
]


@pytest.mark.parametrize(("page", "link", "figure", "words"), STALE, ids=lambda value: str(value)[:40])
def test_a_stale_link_has_its_sentence_and_its_page_a_figure(page, link, figure, words):
    at = opened(page, **link)
    for phrase in words:
        assert phrase in told(at)
    assert at.get(figure)


def test_what_is_stale_is_said_once():
    at = opened("latent_space", model=DEEP, unit="9")
    assert "asks for unit `9`" in told(at)
    assert at.get(CANVAS)
    assert not told(at.run())


WHOLE = [
    ("home", {"model": PLANE, "beside": VAMP, "data": "All"}),
    ("latent_space", {"model": VAMP, "picked": "3.14", "view": "Decoded plane", "colour": "ELBO", "size": "8"}),
    ("latent_space", {"model": DEEP, "plane": "Units", "across": "3", "up": "1", "shapes": "true", "k": "6"}),
    ("samples", {"model": PLANE, "seed": "0", "temperature": "0.70", "rows": "8", "nearest": "TRUE"}),
    ("interpolate", {"model": PLANE, "mode": "Walk", "walk": "3", "image": "30", "towards": "8", "steps": "9"}),
    ("active_units", {"model": DEEP, "threshold": "0.01", "hide": "controls"}),
    ("sphere", {"model": SPHERE, "map": "Hammer (equal areas)", "longitude": "-20", "caps": "false"}),
    ("side_by_side", {"model": PLANE, "models": VAMP, "utm_source": "a mail"}),
]


@pytest.mark.parametrize(("page", "link"), WHOLE, ids=lambda value: str(value)[:40])
def test_a_link_that_is_whole_is_left_alone(page, link):
    """Values that Streamlit writes another way, or drops since they are the defaults, are no loss."""
    assert told(opened(page, **link)) == ""


def test_what_a_link_says_is_text_and_no_markup():
    at = opened("latent_space", model="`![x](https://example.org/x.png)`**b**" + "y" * 500)
    assert "`![x](https://example.org/x.png)**b**" in told(at)  # within one pair of backquotes
    assert told(at).count("`") == 2
    assert "y" * 60 not in told(at)


def test_a_typed_z_comes_with_its_link_and_one_that_is_none_is_told():
    by_link = opened("latent_space", model=PLANE, z="1.5, -0.5")
    by_hand = opened("latent_space", model=PLANE)
    by_hand.text_input(key="z").set_value("1.5, -0.5").run()
    assert said(by_link) == said(by_hand)
    assert said(by_link) != said(opened("latent_space", model=PLANE))
    for typed in ("nan, 1", "1, 2, 3", "1e999, 0"):
        at = opened("latent_space", model=PLANE, z=typed)
        assert "2 numbers" in at.warning[0].value
        assert at.get(CANVAS)


def test_a_damaged_drawing_in_a_link_is_told_on_the_pad(monkeypatch):
    heard, start = [], drawn.start
    monkeypatch.setattr(drawn, "start", lambda test: heard.append(start(test)) or heard[-1])
    at = opened("latent_space", model=PLANE, view="Draw", drawing="-1.AXicY2BgAAAABAAB")
    assert heard[-1]["words"].startswith("The picture in the link cannot be read")
    assert at.get(CANVAS)


# -- too little -----------------------------------------------------------------------------------------------


def test_an_empty_choice_is_no_choice():
    at = opened("latent_space", model=PLANE, picked="")
    assert not told(at)
    assert at.subheader[0].value == "Decode a point"
    assert at.get(CANVAS)


@pytest.mark.parametrize(
    ("page", "link", "words", "figure"),
    [
        ("interpolate", {"image": "3", "towards": "3"}, "Both ends are the same image", IMAGE),
        ("interpolate", {"mode": "Classes", "origin": "7", "target": "7"}, "The two classes are the same", IMAGE),
        ("side_by_side", {"models": PLANE}, "two are needed to compare", CANVAS),
        ("side_by_side", {"models": PLANE, "compare": "Numbers"}, "two are needed to compare", TABLE),
    ],
)
def test_one_where_two_are_needed_has_a_sentence(page, link, words, figure):
    at = opened(page, model=PLANE, **link)
    assert words in said(at)
    assert at.get(figure)


# -- files ----------------------------------------------------------------------------------------------------


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


NOISE = np.random.default_rng(0).integers(0, 255, (120, 90, 3), np.uint8)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png(NOISE), "scaled from 90 × 120 to 8 × 8 pixels, made gray"),
        (png(np.pad(NOISE[:6, :6, 0], 1)), "Your picture was taken as it is"),
        (png(NOISE, "JPEG")[:200], "cannot be read as a picture"),
        (b"<svg onload='alert(1)'/>", "cannot be read as a picture"),
    ],
    ids=["large", "small", "cut", "markup"],
)
def test_a_picture_of_another_kind_is_fitted_and_a_broken_one_is_told(content, words):
    at = opened("interpolate", model=PLANE)
    whole = len(at.get(IMAGE))
    uploader = next(one for one in at.file_uploader if "Start" in one.label)
    uploader.upload("mine.png", content, "image/png").run()
    assert not at.exception
    assert words in said(at)
    assert len(at.get(IMAGE)) == whole
    assert ("your picture" in said(at)) == ("cannot" not in words)


def archive(**more: bytes) -> bytes:
    """A zip of a whole model, and what makes it a bad one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("config.json", "model.safetensors"):
            file.write(ROOT / "trained" / PLANE / name, f"mine/{name}")
        for name, content in more.items():
            file.writestr(name, content)
    return out.getvalue()


def link() -> bytes:
    out = io.BytesIO(archive())
    with zipfile.ZipFile(out, "a") as file:
        found = zipfile.ZipInfo("mine/log.txt")
        found.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(found, "/etc/passwd")
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: archive(**{"../../climbed.json": b"{}"}), "outside its own folder"),
        (lambda: archive(**{"mine/log.txt": bytes(310_000_000)}), "it unpacks to"),
        (link, "is a link"),
        (lambda: archive()[:2000], "cannot be unpacked"),
    ],
    ids=["climbs", "bomb", "link", "cut"],
)
def test_a_bad_zip_is_refused_with_the_reason_and_the_page_goes_on(make, words, tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_RUNS", str(tmp_path / "runs"))
    at = opened("open_your_own")
    at.file_uploader(key="own-zip").upload("bad.zip", make(), "application/zip").run()
    at.button(key="open-zip").click().run()
    assert not at.exception
    refused = " ".join(part.value for part in at.info)
    assert refused.startswith("Refused.")
    assert words in refused
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    if words != "outside its own folder":
        return
    at.file_uploader(key="own-zip").upload("good.zip", archive(), "application/zip").run()
    at.button(key="open-zip").click().run()
    assert "is in the library" in said(at)
    assert library.find(f"{PLANE}-2") is not None
