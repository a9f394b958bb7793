"""Runs in words."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from explorer import run_words, words

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0421, "42 ms"),
        (0.44, "0.4 s"),
        (12.3, "12 s"),
        (150, "2 min"),
        (3600, "1 h"),
        (7530, "2 h 6 min"),
        (200 * 3600, "8 days"),
    ],
)
def test_durations(seconds, said):
    assert words.duration(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(2.54e9, "2.5 GB"), (13.4e6, "13 MB"), (10, "1 MB")])
def test_sizes(count, said):
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=30), "just now"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(hours=30), "yesterday"),
        (timedelta(days=9), "2026-04-25"),
    ],
)
def test_since(ago, said):
    assert run_words.since(SimpleNamespace(created=NOW - ago), NOW) == said


def run(**fields):
    plain = {"epoch": 34, "epochs": 200, "seconds_left": 185.0, "device": "cpu", "where": "here"}
    return SimpleNamespace(**plain | fields)


def test_a_line_says_how_far_how_long_and_where():
    assert run_words.line(run()) == "epoch 34 of 200 · 3 min left · cpu"
    assert run_words.line(run(epoch=0, seconds_left=None, device="")) == "200 epochs to go · this machine"
    assert run_words.line(run(where="http://head:8265")) == "epoch 34 of 200 · 3 min left · cpu at http://head:8265"
    assert run_words.epochs(run(epoch=201)) == "epoch 200 of 200"


def test_every_state_has_an_icon():
    from latents.runs import STATES

    assert set(run_words.ICONS) == set(STATES)
    assert set(run_words.ACTIVE) < set(STATES)
