"""What the process of a run would say at once, said before it is queued."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import Options

if TYPE_CHECKING:
    from ..recipe import Recipe


def check(recipe: Recipe, options: Options) -> None:
    """Raise LatentsError, one sentence, where this machine cannot train a recipe with these options.

    Data that do not fit or are not there, an accelerator or a log that is not there, or more memory than is free.
    """
    from .. import data
    from ..devices import fabric
    from ..estimate import check_memory
    from ..event_files import check_logs

    check_logs(options.log)
    device = fabric(options.accelerator, options.devices, strategy=options.strategy).device
    images = data.load(recipe.data.name)
    recipe.check(images)
    check_memory(recipe, images, device)
