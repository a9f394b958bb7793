"""Pictures in links: what goes in comes out, and nothing else does."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from explorer.own_pictures import NoPictureError
from explorer.picture_code import LONGEST, decode, encode
from latents.data import load

shapes = st.tuples(st.sampled_from([1, 3]), st.integers(1, 20), st.integers(1, 20))


def text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@settings(deadline=None, max_examples=80)
@given(arrays(np.uint8, shapes))
def test_a_picture_comes_back_as_it_was(picture):
    code = encode(picture)
    assert code or picture.size > LONGEST / 2
    assert code == "" or set(code) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    if code:
        np.testing.assert_array_equal(decode(code), picture)


headed = st.binary().map(lambda content: text(b"\1\1\2\2" + content))


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(text), headed))
def test_whatever_stands_in_a_link_is_a_picture_or_a_sentence(code):
    try:
        found = decode(code)
    except NoPictureError as error:
        found = str(error)
    assert found.endswith(".") if isinstance(found, str) else found.ndim == 3


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_link_with_one_changed_or_missing_character_is_told(data):
    picture = load("digits").test.images[data.draw(st.integers(0, 50))].mul(255).byte().numpy()
    code = encode(picture)
    at = data.draw(st.integers(0, len(code) - 2))  # (the last one may hold bits that stand for nothing)
    other = data.draw(st.sampled_from("AZaz09-_"))
    for changed in (code[:at] + other + code[at + 1 :], code[:at]):
        if changed != code:
            with pytest.raises(NoPictureError):
                decode(changed)


def test_digits_are_short_and_any_gray_picture_of_their_size_fits():
    test = (load("mnist").test.images[:200].numpy() * 255).round().astype(np.uint8)
    lengths = [len(encode(picture)) for picture in test]
    assert max(lengths) < 600
    noise = np.random.default_rng(0)
    assert 1000 < len(encode(noise.integers(0, 256, (1, 28, 28), np.uint8))) <= LONGEST
    assert encode(noise.integers(0, 256, (3, 32, 32), np.uint8)) == ""
    assert encode(np.zeros((1, 300, 2), np.uint8)) == ""


def test_a_bomb_is_not_unpacked():
    bomb = zlib.compress(bytes(10**6), 9)
    with pytest.raises(NoPictureError, match="not all there, or there are more"):
        decode(text(bytes([1, 1, 28, 28]) + bomb))
    with pytest.raises(NoPictureError, match=r"at most 1,500"):
        decode(text(bytes([1, 1, 28, 28]) + zlib.compress(bytes(10**7), 9)))


def test_a_picture_that_announces_nonsense_is_told():
    for head in (b"\2\1\2\2", b"\1\2\2\2", b"\1\1\0\2", b"\1\1\2"):
        with pytest.raises(NoPictureError, match="cannot be read"):
            decode(text(head + zlib.compress(bytes(4))))
    with pytest.raises(NoPictureError, match="are not all there"):
        decode(text(b"\1\1\2\2" + zlib.compress(bytes(4)) + b"more"))
