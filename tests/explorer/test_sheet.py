import io

import numpy as np
import pytest
from PIL import Image

from explorer.charts import sheet, theme

TONES = theme.LIGHT
RANDOM = np.random.default_rng(0).integers(0, 255, (5, 1, 6, 4), np.uint8)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_grid_enlarges_pictures_and_not_gaps():
    drawn = pixels(sheet.grid(RANDOM, 3, scale=2, gap=1))
    assert drawn.shape == (2 * 12 + 1, 3 * 8 + 2, 4)
    np.testing.assert_array_equal(drawn[:12, :8, 0], RANDOM[0, 0].repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(drawn[13:, 9:17, 0], RANDOM[4, 0].repeat(2, 0).repeat(2, 1))
    assert not drawn[12, :, 3].any()  # a gap
    assert not drawn[13:, 18:, 3].any()  # the place of a sixth picture


def test_blank_is_as_large_as_the_grid():
    empty = pixels(sheet.blank(5, 3, (1, 6, 4), 2, TONES, gap=1))
    drawn = pixels(sheet.grid(RANDOM, 3, scale=2, gap=1))
    np.testing.assert_array_equal(empty[..., 3], drawn[..., 3])
    assert tuple(empty[0, 0]) == sheet.colour(TONES.rule)


@pytest.mark.parametrize("channels", [1, 3])
def test_shares_draws_pictures_bars_and_a_frame(channels):
    images = RANDOM.repeat(channels, axis=1)
    sizes = np.array([1.0, 0.5, 0.25, 0.0, 0.75])
    scale = 2
    drawn = pixels(sheet.shares(images, sizes, 3, TONES, chosen=1, scale=scale))
    down, across = sheet.tile_size(images.shape, scale)
    assert drawn.shape == (2 * down, 3 * across, 4)
    for i, size in enumerate(sizes):
        tile = drawn[i // 3 * down : (i // 3 + 1) * down, i % 3 * across : (i % 3 + 1) * across]
        inner = tile[sheet.FRAME : sheet.FRAME + 12, sheet.FRAME : sheet.FRAME + 8]
        np.testing.assert_array_equal(inner[..., 0], images[i, 0].repeat(2, 0).repeat(2, 1))
        bar = tile[2 * sheet.FRAME + 12, sheet.FRAME : sheet.FRAME + 8]
        assert (bar == sheet.colour(TONES.ink)).all(axis=1).sum() == round(8 * size)
        assert (tuple(tile[0, 0]) == sheet.colour(TONES.accent)) == (i == 1)
