"""A path as pictures: its strip on the page, with a frame around one step, and as files to keep."""

from __future__ import annotations

import io

import numpy as np

from explorer.charts import images
from explorer.charts.sheet import colour, opaque
from explorer.charts.theme import Tone

MARGIN, FRAME = 5, 4
"""Pixels around each picture of a strip, and of the frame within them."""
SIDE = 280
"""Pixels of the longer side of a film, about."""
PAUSE, STEP = 700, 80
"""Milliseconds that a film rests at its ends, and that it shows each picture between."""


def strip(pictures: np.ndarray, tones: Tone, scale: int, step: int | None = None, columns: int | None = None) -> bytes:
    """Pictures uint8 [T, C, H, W] as a PNG, row by row, each with the same margin, so that the middle of picture i of a
    row of T is at (i + 1/2) / T of the width; step: the framed one; columns: all in one row where None."""
    pictures = images.to_uint8(pictures)
    columns = columns or len(pictures)
    high, wide = (scale * side + 2 * MARGIN for side in pictures.shape[-2:])
    sheet = np.zeros((-(-len(pictures) // columns) * high, columns * wide, 4), np.uint8)
    for i, picture in enumerate(pictures):
        top, left = i // columns * high, i % columns * wide
        if i == step:
            edge = MARGIN - FRAME
            sheet[top + edge : top + high - edge, left + edge : left + wide - edge] = colour(tones.accent)
        sheet[top + MARGIN : top + high - MARGIN, left + MARGIN : left + wide - MARGIN] = images.enlarge(
            opaque(picture), scale
        )
    return images.png(sheet)


def kept_strip(rows: list[np.ndarray]) -> bytes:
    """Rows of pictures uint8 [T, C, H, W] as one PNG to keep, four times as large, with transparent gaps."""
    return images.png(images.tile(np.concatenate(rows), len(rows[0]), gap=1), 4)


def gif(pictures: np.ndarray, *, back: bool) -> bytes:
    """Pictures uint8 [T, C, H, W] as a film that runs for ever, there and back again or from the start again."""
    from PIL import Image

    scale = images.scale_for(max(pictures.shape[-2:]), SIDE)
    frames = []
    for picture in images.to_uint8(pictures):
        large = images.enlarge(picture.transpose(1, 2, 0), scale)
        frames.append(Image.fromarray(large[:, :, 0] if large.shape[2] == 1 else large))
    times = [PAUSE, *[STEP] * (len(frames) - 2), PAUSE]
    if back:
        frames, times = frames + frames[-2:0:-1], times + times[-2:0:-1]
    out = io.BytesIO()
    # (a frame that equals the one before would be dropped, and its time added to it: that is what is wanted)
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)
    return out.getvalue()
