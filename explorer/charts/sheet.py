"""Sheets of pictures: grids with a bar of a share under each picture, one of them framed, and their empty places."""

from __future__ import annotations

import numpy as np

from explorer.charts.images import enlarge, png, tile, to_uint8
from explorer.charts.theme import Tone

FRAME, BAR = 4, 6
"""Pixels of the sheet: the frame of the chosen picture, which is also the space around it, and the bar under it."""


def grid(images: np.ndarray, columns: int, scale: int, gap: int = 2) -> bytes:
    """Images [N, C, H, W] as a PNG, each enlarged `scale` times, with transparent gaps of `gap` pixels of the PNG.

    The gaps do not grow with the pictures: they are as thin between 8x8 digits as between larger images.
    """
    large = to_uint8(np.asarray(images)).repeat(scale, axis=2).repeat(scale, axis=3)
    return png(tile(large, columns, gap))


def beside(images: np.ndarray, others: np.ndarray, columns: int, scale: int, gap: int = 2) -> bytes:
    """Images [N, C, H, W] each with another one of the same shape at its right, as a grid of so many pairs in a row.

    Pairs are three times as far from each other as the two of a pair, which are `gap` pixels of the PNG apart.
    """
    both = [to_uint8(np.asarray(each)).repeat(scale, axis=2).repeat(scale, axis=3) for each in (images, others)]
    n, channels, high, wide = both[0].shape
    down, across = high + 3 * gap, 2 * wide + 4 * gap
    sheet = np.zeros((-(-n // columns) * down - 3 * gap, columns * across - 3 * gap, channels + 1), np.uint8)
    for i in range(n):
        top, left = i // columns * down, i % columns * across
        for k, each in enumerate(both):
            place = sheet[top : top + high, left + k * (wide + gap) : left + k * (wide + gap) + wide]
            place[:, :, :channels], place[:, :, channels] = each[i].transpose(1, 2, 0), 255
    return png(sheet)


def blank(n: int, columns: int, shape: tuple[int, int, int], scale: int, tones: Tone, gap: int = 2) -> bytes:
    """The empty places of n pictures of this shape (C, H, W): what stands there while they are computed.

    The PNG is as large as the `grid` of the pictures themselves, so nothing moves when they arrive.
    """
    empty = np.array(colour(tones.rule)[:3], np.uint8)[None, :, None, None]
    return grid(np.broadcast_to(empty, (n, 3, *shape[1:])), columns, scale, gap)


def tile_size(shape: tuple[int, ...], scale: int) -> tuple[int, int]:
    """Height and width that one picture of this shape (..., H, W) takes in a sheet of `shares`, in its pixels."""
    return shape[-2] * scale + 3 * FRAME + BAR, shape[-1] * scale + 2 * FRAME


def shares(
    images: np.ndarray, sizes: np.ndarray, columns: int, tones: Tone, chosen: int | None = None, scale: int = 1
) -> bytes:
    """Images [N, C, H, W] as a grid, each enlarged `scale` times over a bar as long as its size is large, one framed.

    sizes: [N] in [0, 1], shares of the picture's width; chosen: the place of the framed picture. The rest of the
    sheet is transparent.
    """
    images = to_uint8(np.asarray(images))
    down, across = tile_size(images.shape, scale)
    high, wide = images.shape[2] * scale, images.shape[3] * scale
    sheet = np.zeros((-(-len(images) // columns) * down, columns * across, 4), np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * down, (i % columns) * across
        place = sheet[top : top + down, left : left + across]
        if i == chosen:
            place[:] = colour(tones.accent)
            place[FRAME:-FRAME, FRAME:-FRAME] = colour(tones.paper)
        place[FRAME : FRAME + high, FRAME : FRAME + wide] = enlarge(opaque(image), scale)
        bar = place[2 * FRAME + high : 2 * FRAME + high + BAR, FRAME : FRAME + wide]
        bar[:] = colour(tones.rule)
        bar[:, : round(wide * float(sizes[i]))] = colour(tones.ink)
    return png(sheet)


def cornered(corner: np.ndarray, images: np.ndarray, columns: int, scale: int, tones: Tone) -> bytes:
    """A picture [C, H, W] in the upper left corner, framed, and images [N, C, H, W] around it, row by row.

    All are enlarged `scale` times; the frame fills the gap around the corner. The rest of the sheet is transparent.
    """
    every = np.concatenate([to_uint8(np.asarray(corner))[None], to_uint8(np.asarray(images))])
    high, wide = every.shape[2] * scale, every.shape[3] * scale
    down, across = high + FRAME, wide + FRAME
    sheet = np.zeros((-(-len(every) // columns) * down + FRAME, columns * across + FRAME, 4), np.uint8)
    sheet[: high + 2 * FRAME, : wide + 2 * FRAME] = colour(tones.ink)
    for i, image in enumerate(every):
        top, left = (i // columns) * down + FRAME, (i % columns) * across + FRAME
        sheet[top : top + high, left : left + wide] = enlarge(opaque(image), scale)
    return png(sheet)


def opaque(image: np.ndarray) -> np.ndarray:
    """An image [C, H, W] of bytes, gray or RGB, as RGBA [H, W, 4]."""
    colours = image.transpose(1, 2, 0)
    if colours.shape[2] == 1:
        colours = colours.repeat(3, axis=2)
    return np.concatenate([colours, np.full((*colours.shape[:2], 1), 255, np.uint8)], axis=2)


def colour(hexadecimal: str) -> tuple[int, int, int, int]:
    """`#0b7560` as four bytes, opaque."""
    return int(hexadecimal[1:3], 16), int(hexadecimal[3:5], 16), int(hexadecimal[5:7], 16), 255
