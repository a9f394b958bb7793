"""Where a number comes from: what stands beside it in metrics.json."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch


def provenance(device: torch.device | str) -> dict[str, Any]:
    """Device, versions and date."""
    device = torch.device(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} ({platform.machine()})"
    return {"device": name, "versions": versions(), "date": datetime.now(UTC).isoformat(timespec="seconds")}


def versions() -> dict[str, str]:
    try:
        own = version("latent-explorer")
    except PackageNotFoundError:
        own = "unknown"
    return {"latent-explorer": own, "torch": torch.__version__, "python": platform.python_version()}
