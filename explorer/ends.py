"""The images that a path runs between: test images, or the visitor's own picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer import focus, library, tensors
from explorer.library import Entry, Images


@dataclass(frozen=True)
class End:
    """gray, seen: uint8 [C, H, W], as it came and as the model sees it; index: of a test image, else None; words:
    `test image 12, class 7`, `your picture`."""

    gray: np.ndarray
    seen: np.ndarray
    index: int | None
    words: str

    @property
    def short(self) -> str:
        """`image 12, class 7`: under a small picture."""
        return self.words.removeprefix("test ")


def of_test(test: Images, i: int) -> End:
    """A test image."""
    return End(test.gray[i], test.seen[i], i, focus.words(test, i))


def own(entry: Entry, gray: np.ndarray, words: str = "your picture") -> End:
    """A picture uint8 [C, H, W] of the test images' shape, binarised as they were where the model needs it."""
    seen = gray
    if entry.binarisation != "none":
        from latents import data

        seen = tensors.pixels(data.binarise(tensors.tensor(gray[None]).cpu().div(255), data.TEST_SEED))[0]
    return End(gray, seen, None, words)


def point(entry: Entry, end: End) -> np.ndarray:
    """Where the model puts it, [size]."""
    if end.index is not None:
        return library.encoding(entry).points[end.index]
    return library.remember("point of a picture", entry, lambda: _encoded(entry, end.seen), end.seen.tobytes())


def _encoded(entry: Entry, seen: np.ndarray) -> np.ndarray:
    import torch

    from latents.diagnostics import encode_all

    with torch.no_grad():
        found, _ = encode_all(library.model(entry), tensors.tensor(seen[None]).div_(255))
    return tensors.array(found)[0]
