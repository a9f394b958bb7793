"""Arrays as bytes for the canvas: safetensors (canvas.js says which names), and sheets of thumbnails as PNGs.

The browser's addresses of these bytes are made from parts of long files only, so each file carries a digest of its
whole content at its head.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image

from explorer.canvas.plane import Class, Sprite
from explorer.charts.density import Density

SHEET = (25, 20)
"""Columns and rows of a sheet of thumbnails: some 90 kB of MNIST."""
MOST_CLASSES = 255


def tensors(arrays: dict[str, np.ndarray], **metadata: str) -> bytes:
    """Safetensors of these arrays, with a digest of them in the metadata."""
    from safetensors.numpy import save

    ready = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    digest = hashlib.sha256()
    for name, array in ready.items():
        digest.update(name.encode())
        digest.update(array.tobytes())
    return save(ready, {**metadata, "digest": digest.hexdigest()})


def points(
    places: np.ndarray,
    *,
    kind: str,
    space: str,
    labels: np.ndarray | None = None,
    classes: list[Class] | None = None,
    pseudo: np.ndarray | None = None,
    shares: np.ndarray | None = None,
    spread: np.ndarray | None = None,
    centre: np.ndarray | None = None,
    axes: np.ndarray | None = None,
) -> bytes:
    """The points of a plane.

    places [N, 2]; kind: "units", "PCA", "UMAP"; space: "euclidean", "sphere", "simplex": what is nearest to a vector;
    labels [N] and the classes they are among; pseudo [K, 2] with shares [K]; spread [N, 3]: covariances (xx, xy, yy) of
    q(z|x) on the plane; centre [n] and axes [2, n]: the way back to z.
    """
    arrays: dict[str, np.ndarray] = {"places": places.astype(np.float32)}
    if labels is not None and classes and len(classes) <= MOST_CLASSES:
        place = {one.label: i for i, one in enumerate(classes)}
        arrays["group"] = np.array([place[int(label)] for label in labels], np.uint8)
    optional = {"pseudo": pseudo, "shares": shares, "spread": spread, "centre": centre, "axes": axes}
    arrays |= {name: array.astype(np.float32) for name, array in optional.items() if array is not None}
    return tensors(arrays, kind=kind, space=space)


def contours(found: Density) -> bytes:
    """A density's grid (float16, within 0.02 nats where it is not far out) and the levels of its contours."""
    frame = np.array([found.x[0], found.x[1] - found.x[0], found.y[0], found.y[1] - found.y[0]], np.float32)
    log_p = np.clip(found.log_p, -1000, 1000).astype(np.float16)
    return tensors({"log_density": log_p, "frame": frame, "thresholds": found.thresholds.astype(np.float32)})


def heat(x: np.ndarray, y: np.ndarray, value: np.ndarray, full: float | None = None) -> bytes:
    """A value [Y, X] that is not negative, on a grid, for a tint: full from `full` on, else where it is highest."""
    frame = np.array([x[0], x[1] - x[0], y[0], y[1] - y[0]], np.float32)
    share = np.clip(value / max(float(value.max()) if full is None else full, 1e-30), 1e-30, 1)
    logs = np.log(share).astype(np.float16)
    return tensors({"log_density": logs, "frame": frame, "thresholds": np.zeros(0, np.float32)})


def codes(coordinates: np.ndarray) -> bytes:
    """The coordinates [N, n] of all images, float16: for what lies beyond the plane."""
    return tensors({"codes": coordinates.astype(np.float16)})


def values(value: np.ndarray) -> bytes:
    """A number [N] for each image, to colour by."""
    return tensors({"value": value.astype(np.float32)})


def frames(epochs: np.ndarray, places: np.ndarray, index: np.ndarray, pseudo: np.ndarray | None = None) -> bytes:
    """The states of training: epochs [S], places [S, n, 2] of the images index [n], pseudo [S, K, 2]."""
    arrays: dict[str, np.ndarray] = {
        "epochs": epochs.astype(np.int32),
        "places": places.astype(np.float16),
        "index": index.astype(np.int32),
    }
    if pseudo is not None:
        arrays["pseudo"] = pseudo.astype(np.float16)
    return tensors(arrays)


def sprite(pictures: np.ndarray) -> Sprite:
    """Thumbnails of uint8 images [N, C, H, W], in their own size."""
    columns, rows = SHEET
    each = columns * rows
    tiles = tuple(sheet(pictures[start : start + each], columns) for start in range(0, len(pictures), each))
    _, channels, height, width = pictures.shape
    return Sprite(tiles, columns, rows, (channels, height, width), len(pictures))


def sheet(pictures: np.ndarray, columns: int) -> bytes:
    """uint8 images [N, C, H, W] side by side without gaps, row by row, as a PNG; the rest of the last row is black."""
    n, channels, height, width = pictures.shape
    rows = -(-n // columns)
    padded = np.zeros((rows * columns, channels, height, width), np.uint8)
    padded[:n] = pictures
    whole = padded.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    whole = whole.reshape(rows * height, columns * width, channels)
    out = io.BytesIO()
    Image.fromarray(whole[:, :, 0] if channels == 1 else whole).save(out, "PNG", compress_level=3)  # 0.2 s for MNIST
    return out.getvalue()
