"""A visitor's own picture as an image of a data set: of its size, its colours and its ink."""

from __future__ import annotations

import io

import numpy as np

from explorer.library import Images
from explorer.words import count

MOST_PIXELS = 40_000_000
"""A picture that says it has more is not opened: a small file may unpack to gigabytes."""
DARK = 30
"""A ground of less than this, of 255, is black paper."""
KINDS = ("png", "jpg", "jpeg", "gif", "bmp", "webp")


class NoPictureError(ValueError):
    """One sentence on why a file is no picture that can be used."""


def fitted(content: bytes, test: Images) -> tuple[np.ndarray, str]:
    """The picture in a file as uint8 [C, H, W] of the test images' shape, and a sentence on what was done to it.

    It is scaled whole, by area averages, on a ground as dark as the test images' own.

    Raises:
        NoPictureError: the file is none, is cut off, or is too large.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as found:
            wide, high = found.size
            if wide * high > MOST_PIXELS:
                raise NoPictureError(
                    f"The picture has {wide:,} × {high:,} pixels; at most {MOST_PIXELS:,} are read. Make it smaller."
                )
            found.load()
            picture = found.convert("RGBA")
            coloured = found.mode not in ("1", "L", "LA", "I", "I;16", "F") and not _grayish(picture)
    except NoPictureError:
        raise
    except Exception as error:  # Pillow raises whatever its decoders raise
        raise NoPictureError(
            f"This file of {count(len(content), 'byte')} cannot be read as a picture: it is cut off or something else. "
            f"Choose a whole file of one of the kinds {', '.join(KINDS)}."
        ) from error
    channels, height, width = test.gray.shape[1:]
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    flat = paper.convert("L" if channels == 1 else "RGB")
    done = [f"scaled from {wide} × {high} to {width} × {height} pixels"] if (wide, high) != (width, height) else []
    if channels == 1 and coloured:
        done.append("made gray")
    pixels = np.asarray(flat)
    ground = _edge(np.moveaxis(test.gray[:500, 0], 0, -1))
    on_one_tone = channels == 1 and not DARK < ground < 255 - DARK  # figures on a ground, not photographs
    if on_one_tone and (_edge(pixels) > 127) != (ground > 127):
        flat = Image.fromarray(255 - pixels)
        done.append("inverted, since these images are " + ("dark on light" if ground > 127 else "light on dark"))
    scale = min(width / wide, height / high)
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    small = np.asarray(flat.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC))
    small = small[None] if small.ndim == 2 else small.transpose(2, 0, 1)
    image = np.full((channels, height, width), round(_edge(np.asarray(flat))), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    image[:, top : top + size[1], left : left + size[0]] = small
    said = f"Your picture was {', '.join(done)}." if done else "Your picture was taken as it is."
    return image, said


def _grayish(picture) -> bool:
    """Whether red, green and blue are equal everywhere."""
    red, green, blue = np.asarray(picture)[..., :3].transpose(2, 0, 1)
    return bool((red == green).all() and (green == blue).all())


def _edge(pixels: np.ndarray) -> float:
    """The median brightness of the border of [H, W, ...]."""
    sides = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    return float(np.median(np.concatenate([side.ravel() for side in sides])))
