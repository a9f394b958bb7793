import io

import numpy as np
from PIL import Image

from explorer.charts import images


def read(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_grid_places_images_row_by_row_with_transparent_gaps():
    pictures = np.stack([np.full((1, 2, 3), value, np.uint8) for value in (10, 20, 30)])
    sheet = images.tile(pictures, columns=2, gap=1)
    assert sheet.shape == (5, 7, 2)
    assert sheet[0, 0].tolist() == [10, 255]
    assert sheet[0, 4].tolist() == [20, 255]
    assert sheet[3, 0].tolist() == [30, 255]
    assert (sheet[:, 3, 1] == 0).all()  # the gap
    assert (sheet[3:, 4:, 1] == 0).all()  # the place without an image


def test_colour_images_keep_their_channels():
    sheet = images.tile(np.random.default_rng(0).random((4, 3, 5, 5)), columns=4)
    assert sheet.shape == (5, 20, 4)
    assert Image.open(io.BytesIO(images.png(sheet))).mode == "RGBA"


def test_enlarging_repeats_pixels_and_blurs_nothing():
    picture = np.random.default_rng(0).integers(0, 256, (1, 4, 4)).astype(np.uint8)
    shown = read(images.image_png(picture, 3))
    assert (shown[::3, ::3] == picture[0]).all()
    assert (shown == picture[0].repeat(3, 0).repeat(3, 1)).all()


def test_floats_are_clipped_and_rounded():
    assert images.to_uint8(np.array([-1.0, 0.5, 2.0])).tolist() == [0, 128, 255]


def test_scale_for_never_shrinks():
    assert images.scale_for(28, 168) == 6
    assert images.scale_for(28, 10) == 1
