"""A von Mises-Fisher draw, its KL to the uniform prior and their gradients, against Wood's sampler with SciPy.

The reference is what a hyperspherical auto-encoder does when written from the papers: Wood's loop draws for all until
all are accepted, a Householder reflection carries the draws to their mean directions, and SciPy's Bessel functions come
in through NumPy. Its b is the stable form. Its gradient in kappa goes through the accepted proposal, without the
correction that would make it exact: ours is exact and pays for that here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from scipy.special import ive
from torch import Tensor
from torch.distributions import Beta, kl_divergence
from torch.nn import functional

from latents.rotational import log_area
from latents.von_mises_fisher import UniformSphere, VonMisesFisher

from .timing import Claim, race, show

DIMENSIONS = (2, 9, 39)
DRAWS, CONCENTRATION = 10_000, 100.0
ROUNDS, GOAL = 15, 5.0


class ScaledBessel(torch.autograd.Function):
    """e^-x I_v(x) by SciPy."""

    @staticmethod
    def forward(ctx, order: float, x: Tensor) -> Tensor:
        value = torch.from_numpy(ive(order, x.detach().double().numpy())).to(x)
        ctx.order = order
        ctx.save_for_backward(x, value)
        return value

    @staticmethod
    def backward(ctx, gradient: Tensor):
        x, value = ctx.saved_tensors
        below = torch.from_numpy(ive(ctx.order - 1, x.double().numpy())).to(x)
        return None, gradient * (below - value * (ctx.order + x) / x)


def reference_kl(kappa: Tensor, coordinates: int) -> Tensor:
    """E[log q] - log p: kappa times the mean cosine, log C_m(kappa), and log area of the sphere."""
    return kappa * mean_cosine(kappa, coordinates) + log_normaliser(kappa, coordinates) + log_area(coordinates)


def mean_cosine(kappa: Tensor, coordinates: int) -> Tensor:
    return ScaledBessel.apply(coordinates / 2, kappa) / ScaledBessel.apply(coordinates / 2 - 1, kappa)


def log_normaliser(kappa: Tensor, coordinates: int) -> Tensor:
    order = coordinates / 2 - 1
    log_bessel = ScaledBessel.apply(order, kappa).log() + kappa
    return order * kappa.log() - coordinates / 2 * math.log(2 * math.pi) - log_bessel


def reference_draw(mean: Tensor, kappa: Tensor) -> Tensor:
    """Wood (1994), with the cosine of three coordinates in closed form, and a Householder reflection."""
    coordinates = mean.shape[-1]
    w = inverted_cosine(kappa) if coordinates == 3 else rejected_cosine(kappa, coordinates)
    across = functional.normalize(torch.randn(len(mean), coordinates - 1), dim=-1)
    w = w.unsqueeze(-1)
    z = torch.cat([w, torch.sqrt((1 - w.square()).clamp_min(1e-10)) * across], -1)
    pole = torch.zeros_like(mean)
    pole[:, 0] = 1
    u = functional.normalize(pole - mean, dim=-1)
    return z - 2 * (z * u).sum(-1, keepdim=True) * u


def inverted_cosine(kappa: Tensor) -> Tensor:
    u = torch.rand_like(kappa)
    return 1 + torch.stack([u.log(), (1 - u).log() - 2 * kappa]).logsumexp(0) / kappa


def rejected_cosine(kappa: Tensor, coordinates: int) -> Tensor:
    rest = coordinates - 1
    root = torch.sqrt(4 * kappa.square() + rest**2)
    b = rest / (2 * kappa + root)
    a = (rest + 2 * kappa + root) / 4
    d = 4 * a * b / (1 + b) - rest * math.log(rest)
    shape = torch.tensor(rest / 2)
    w, waiting = torch.zeros_like(kappa), torch.ones_like(kappa, dtype=torch.bool)
    while waiting.any():
        proposal = Beta(shape, shape).sample(kappa.shape)
        u = torch.rand_like(kappa)
        candidate = (1 - (1 + b) * proposal) / (1 - (1 - b) * proposal)
        t = 2 * a * b / (1 - (1 - b) * proposal)
        accepted = waiting & (rest * t.log() - t + d > u.log())
        w = torch.where(accepted, candidate, w)
        waiting = waiting & ~accepted
    return w


def parameters(coordinates: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    mean = functional.normalize(torch.randn(DRAWS, coordinates, generator=generator), dim=-1)
    kappa = 1 + CONCENTRATION * torch.rand(DRAWS, generator=generator)
    return mean.requires_grad_(), kappa.requires_grad_()


def step(coordinates: int, reference: bool) -> Callable[[], float]:
    """Draw, KL, and the gradients of a loss that depends on both."""
    mean, kappa = parameters(coordinates)
    slope = torch.randn(DRAWS, coordinates)

    def call() -> float:
        if reference:
            z, kl = reference_draw(mean, kappa), reference_kl(kappa, coordinates)
        else:
            q = VonMisesFisher(mean, kappa)
            z, kl = q.rsample(), kl_divergence(q, UniformSphere(mean))
        loss = (z * slope).sum() + kl.sum()
        mean.grad = kappa.grad = None
        loss.backward()
        return float(kl.detach().mean())

    return call


def claims(dimension: int) -> Iterator[Claim]:
    contenders = {name: step(dimension + 1, name == "reference") for name in ("ours", "reference")}
    kl = {name: call() for name, call in contenders.items()}
    if abs(kl["ours"] - kl["reference"]) > 1e-3:
        raise RuntimeError(f"the reference has another KL: {kl['reference']}, ours {kl['ours']}; nothing was timed")
    times = race(contenders, rounds=ROUNDS)
    ours, theirs = (f"{1e3 * times.median(name):.1f} ms" for name in contenders)
    yield Claim(
        f"von Mises-Fisher draw, KL and gradient, d = {dimension}: faster than Wood with SciPy",
        times.ratio("reference", "ours"),
        GOAL,
        at_least=True,
        detail=f"{theirs} to {ours}, {DRAWS:,} draws",
    )


def all_claims() -> Iterator[Claim]:
    for dimension in DIMENSIONS:
        yield from claims(dimension)


if __name__ == "__main__":
    torch.set_num_threads(1)
    show(all_claims())
