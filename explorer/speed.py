"""How fast a model makes pictures from its prior, on this machine, now."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import streamlit as st

from explorer import library, tensors
from explorer.library import Entry

PICTURES = 32
REPEATS, ENOUGH = 5, 2.0
"""Repeats at most, and seconds after which no further one begins."""


@dataclass(frozen=True)
class Speed:
    """The median time of `repeats` batches of `pictures`, seconds; device: where."""

    seconds: float
    pictures: int
    repeats: int
    device: str

    @property
    def per_second(self) -> float:
        return self.pictures / self.seconds


def measure(entry: Entry) -> Speed:
    """Draw and decode batches of pictures, after one that is not counted."""
    import torch

    net = library.model(entry)

    def batch(seed: int) -> float:
        began = time.perf_counter()
        with torch.no_grad():
            net.sample(PICTURES, seed).images.sum().item()  # a number that must be there: the device has finished
        return time.perf_counter() - began

    times = [batch(0)]
    if times[0] < ENOUGH:
        times = []
        while len(times) < REPEATS and sum(times) < ENOUGH:
            times.append(batch(len(times) + 1))
    return Speed(statistics.median(times), PICTURES, len(times), tensors.device())


def known(entry: Entry) -> Speed | None:
    """What was measured in this session."""
    return st.session_state.get("speeds", {}).get(_key(entry))


def remember(entry: Entry, speed: Speed) -> None:
    st.session_state.setdefault("speeds", {})[_key(entry)] = speed


def _key(entry: Entry) -> tuple:
    return entry.path, entry.stamp
