"""`python -m latents`: the same as `latents`."""

from .cli import main

main()
