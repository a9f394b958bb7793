"""Arrays to the device on which models are shown, and back. A GPU is used where there is one.

`EXPLORER_DEVICE` (cpu, cuda, cuda:1) chooses another one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def device() -> str:
    """Where the app's models live."""
    import torch

    return os.environ.get("EXPLORER_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")


def tensor(values: np.ndarray) -> torch.Tensor:
    """float32, on the models' device."""
    import torch

    return torch.as_tensor(values, dtype=torch.float32, device=device())


def array(values: torch.Tensor) -> np.ndarray:
    """float32."""
    return values.detach().float().cpu().numpy()


def pixels(images: torch.Tensor) -> np.ndarray:
    """Images in [0, 1] as uint8 of the same shape."""
    import torch

    return images.detach().clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
