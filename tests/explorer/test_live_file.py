"""Which page's models the one live file can hold."""

from __future__ import annotations

import pytest

from explorer import library, view
from explorer.sharing import live

STANDARD, VAMP, DEEP, FLAT = (
    "digits-standard-2d",
    "digits-vampprior-2d",
    "digits-standard-8d",
    "digits-causal-convolution",
)


@pytest.mark.parametrize(
    ("page", "picked", "state", "held"),
    [
        ("latent_space", [VAMP], {}, [VAMP]),
        ("latent_space", [VAMP, DEEP], {}, [VAMP, DEEP]),
        (
            "latent_space",
            [VAMP, FLAT],
            {},
            [],
        ),  # one of the two has no plane: the file would not be what the page shows
        ("latent_space", ["mnist-standard-2d", VAMP], {}, []),  # of other images
        ("", [VAMP], {}, [STANDARD, VAMP]),  # Home shows the twin
        ("", [FLAT], {}, []),
        ("side_by_side", [VAMP], {"models": [VAMP, STANDARD]}, [VAMP, STANDARD]),
        ("side_by_side", [VAMP], {"models": [VAMP, STANDARD, DEEP]}, []),  # a file has room for two
        ("side_by_side", [VAMP], {"models": [VAMP, STANDARD], "compare": "Numbers"}, []),
        ("sphere", ["digits-vmf"], {}, []),
        ("samples", [VAMP], {}, []),
    ],
)
def test_a_file_is_offered_where_it_shows_what_the_page_does(monkeypatch, page, picked, state, held):
    monkeypatch.setattr(view, "models", lambda: [library.find(name) for name in picked])
    assert [entry.name for entry in live.of(page, state)] == held
