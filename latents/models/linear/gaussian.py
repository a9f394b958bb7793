"""Linear models with Gaussian noise: probabilistic PCA and factor analysis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from ...distributions import LOG_TWO_PI, DiagonalGaussian
from ...errors import RecipeError
from ...likelihoods import Measure
from ...parts import PartSettings, setting
from ...spaces import Euclidean
from ..base import Elbo, Model, Stage
from ..points import check_latent, check_objective
from ..units import kl_of_units
from .spectrum import Spectrum, mean_of, rows, spectrum, upright, wide

if TYPE_CHECKING:
    from ...data import ImageData
    from ...recipe import Recipe

_ROWS = 2000  # images whose likelihood is taken in one pass


class LinearGaussian(Model):
    r"""p(z) = N(0, I), p(x|z) = N(W z + mu, Psi) with Psi diagonal: all else follows.

        p(x)   = N(mu, W W^T + Psi)
        q(z|x) = p(z|x) = N(G^-1 W^T Psi^-1 (x - mu), G^-1),   G = I + W^T Psi^-1 W

    p(x) is the same for W R with any rotation R; W is kept in the rotation that makes G diagonal, its smallest
    variance first, so that the posterior is a diagonal Gaussian. Weights that were rounded are off it a little: the
    mean is taken with the whole of G, and the likelihood is exact for whatever W is.
    """

    family = "Linear models"
    estimator = "exact"
    title: ClassVar[str]
    prior_words = "the standard normal"

    class Settings(PartSettings):
        latent: int = setting(8, "size of z, M", unit="units", ge=1, le=4096)
        floor: float = setting(
            1e-4, "least variance of the noise: a pixel that never varies keeps a density", gt=0, le=1, advanced=True
        )

    def __init__(self, settings, shape: tuple[int, int, int], noises: int):
        super().__init__(settings, shape)
        pixels = math.prod(shape)
        self.space = Euclidean(settings.latent)
        self.centre = nn.Parameter(torch.zeros(pixels))
        self.loadings = nn.Parameter(0.1 * torch.randn(pixels, settings.latent))
        self.log_noise = nn.Parameter(torch.zeros(noises))

    @classmethod
    def check(cls, recipe: Recipe, data: ImageData) -> None:
        check_latent(recipe, data, noise=True, images=True)
        check_objective(recipe, f"{cls.title} has an exact likelihood, which its own fit maximises")
        if data.kind == "binary" or (data.kind == "gray" and recipe.data.binarisation != "none"):
            raise RecipeError(
                f"model is {cls.kind!r}, a density of images with many levels, but those of {data.name} are binary "
                f"(data.binarisation is {recipe.data.binarisation!r}); choose gray or colour images with "
                "data.binarisation 'none', or the model 'pca'"
            )

    # -- the calls --

    @property
    def noise(self) -> Tensor:
        """psi, the variance of the noise of each pixel, `[D]`."""
        return self.log_noise.exp().expand(len(self.centre))

    def precision(self) -> Tensor:
        """G = I + W^T Psi^-1 W, `[M, M]`, in float64."""
        loadings = wide(self.loadings)
        one = torch.eye(loadings.shape[1], dtype=loadings.dtype, device=loadings.device)
        return one + loadings.T @ (loadings / wide(self.noise).unsqueeze(-1))

    def posterior_mean(self, x: Tensor) -> Tensor:
        """E[z|x] of vectors `[N, D]` in float64: `[N, M]`."""
        scaled = wide(self.loadings) / wide(self.noise).unsqueeze(-1)
        return torch.linalg.solve(self.precision(), ((x - wide(self.centre)) @ scaled).T).T

    def encode(self, x: Tensor) -> Any:
        mean = self.posterior_mean(wide(x.flatten(1))).to(x.dtype)
        return DiagonalGaussian(mean, -self.precision().diagonal().log().to(x.dtype).expand_as(mean))

    def decode(self, z: Tensor) -> Distribution:
        mean = (self.centre + z @ self.loadings.T).unflatten(-1, self.shape)
        return Independent(Normal(mean, self.noise.sqrt().reshape(self.shape), validate_args=False), 3)

    def prior(self) -> DiagonalGaussian:
        zeros = torch.zeros_like(self.loadings[0])
        return DiagonalGaussian(zeros, zeros)

    def elbo(self, x: Tensor, *, units: bool = False) -> Elbo:
        """In closed form. q(z|x) is the posterior itself, so the bound is the likelihood."""
        q, p = self.encode(x), self.prior()
        spread = (self.loadings.square() @ q.variance[:1].T).squeeze(-1) / self.noise  # Var[(W z)_i | x] / psi_i
        reconstruction = self.decode(q.mean).log_prob(x) - 0.5 * spread.sum()
        kl = torch.distributions.kl_divergence(q, p)
        return Elbo(reconstruction, kl, kl_of_units(q, p) if units else None)

    @torch.no_grad()
    def log_likelihood(self, x: Tensor, samples: int = 1) -> Tensor:
        r"""log N(x; mu, W W^T + Psi), `[N]`, nats: exact, and nothing is drawn.

        Bayes' rule at the posterior mean m: log p(x|m) + log p(m) - log q(m|x). By the lemma of Woodbury this is the
        density, and no large numbers cancel in it.
        """
        return torch.cat([self._log_density(part) for part in x.split(_ROWS)])

    def _log_density(self, x: Tensor) -> Tensor:
        vectors, noise = wide(x.flatten(1)), wide(self.noise)
        mean = self.posterior_mean(vectors)
        rest = vectors - wide(self.centre) - mean @ wide(self.loadings).T
        square = (rest.square() / noise).sum(-1) + mean.square().sum(-1)
        constant = noise.log().sum() + torch.logdet(self.precision()) + len(noise) * LOG_TWO_PI
        return (-0.5 * (square + constant)).to(x.dtype)

    @property
    def measure(self) -> Measure:
        return Measure("density", self.recipe.data.binarisation)

    def reasons(self) -> dict[str, str]:
        return {
            "pseudo_inputs": f"This model has no pseudo-inputs: its prior is {self.prior_words}.",
            "components": f"This model's prior has no components: it is {self.prior_words}.",
        }

    # -- fitting --

    def stages(self, recipe: Recipe) -> list[Stage]:
        return [ExpectationMaximisation(self)]

    def begin(self, x: Tensor) -> None:
        """Parameters before the first step of EM, from all training images."""
        raise NotImplementedError

    def pooled(self, noise: Tensor) -> Tensor:
        """The noise's parameters that fit the variances `[D]` best."""
        raise NotImplementedError

    @torch.no_grad()
    def step(self, x: Tensor) -> None:
        """One step of EM on images `[N, C, H, W]`: the likelihood does not fall.

        E: m_n = E[z_n|x_n]. M: W = (sum_n (x_n - mu) m_n^T) A^-1, A = N G^-1 + sum_n m_n m_n^T, and psi the mean
        squared residual, not below the floor: the best psi above it, since the expected likelihood has one maximum.

        References: Rubin and Thayer, "EM algorithms for ML factor analysis", 1982; Tipping and Bishop 1999,
        appendix B.
        """
        centre = mean_of(x)
        self.centre.copy_(centre)
        size, pixels = self.settings.latent, len(centre)
        cross = centre.new_zeros(pixels, size)
        second = len(x) * torch.linalg.inv(self.precision())
        square = centre.new_zeros(pixels)
        for part in rows(x):
            z, centred = self.posterior_mean(part), part - centre
            cross += centred.T @ z
            second += z.T @ z
            square += centred.square().sum(0)
        loadings = torch.linalg.solve(second, cross.T).T
        self.put(centre, loadings, (square - (loadings * cross).sum(-1)) / len(x))

    @torch.no_grad()
    def put(self, centre: Tensor, loadings: Tensor, noise: Tensor) -> None:
        """Keep these parameters: the noise pooled and floored, the loadings rotated so that G is diagonal."""
        log_noise = self.pooled(noise).clamp_min(self.settings.floor).log()
        self.centre.copy_(centre)
        self.log_noise.copy_(log_noise)
        scaled = loadings / wide(self.noise).sqrt().unsqueeze(-1)
        rotation = torch.linalg.eigh(scaled.T @ scaled)[1].flip(1)
        self.loadings.copy_(upright(loadings @ rotation))


class PPCA(LinearGaussian):
    r"""x = W z + mu + noise, z ~ N(0, I), noise ~ N(0, sigma^2 I): probabilistic PCA, with an exact likelihood.

    In closed form W = U (Lambda - sigma^2 I)^1/2 of the largest M eigenvalues of the images' covariance, and sigma^2
    is the mean of the others. EM comes to the same.

    Reference: Tipping and Bishop, "Probabilistic principal component analysis", 1999, equations 12 to 15.
    """

    kind = "ppca"
    title = "probabilistic PCA"

    class Settings(LinearGaussian.Settings):
        fit: Literal["closed form", "em"] = setting(
            "closed form", "at once, or by a step of EM in each epoch, from random loadings"
        )

    def __init__(self, settings: PPCA.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape, 1)

    def pooled(self, noise: Tensor) -> Tensor:
        return noise.mean(0, keepdim=True)

    def begin(self, x: Tensor) -> None:
        """Random loadings, and as noise the mean variance of a pixel."""
        centre = mean_of(x)
        variance = torch.stack([(part - centre).square().sum() for part in rows(x)]).sum() / x.numel()
        self.put(centre, wide(self.loadings), variance.expand(len(centre)))

    def fit(self, x: Tensor) -> None:
        """The closed form."""
        self.put(*closed_form(spectrum(x, self.settings.latent), self.settings.floor))

    def stages(self, recipe: Recipe) -> list[Stage]:
        return [ClosedForm(self)] if self.settings.fit == "closed form" else super().stages(recipe)


class FactorAnalysis(LinearGaussian):
    r"""x = W z + mu + noise, z ~ N(0, I), noise ~ N(0, diag(psi)): factor analysis, with an exact likelihood.

    Each pixel has noise of its own, so that a pixel which varies by itself costs no unit. Fitted by EM, a step in each
    epoch, from the solution of probabilistic PCA.

    Reference: Rubin and Thayer, "EM algorithms for ML factor analysis", 1982.
    """

    kind = "factor-analysis"
    title = "factor analysis"

    def __init__(self, settings: FactorAnalysis.Settings, shape: tuple[int, int, int]):
        super().__init__(settings, shape, math.prod(shape))

    def pooled(self, noise: Tensor) -> Tensor:
        return noise

    def begin(self, x: Tensor) -> None:
        self.put(*closed_form(spectrum(x, self.settings.latent), self.settings.floor))


def closed_form(found: Spectrum, floor: float) -> tuple[Tensor, Tensor, Tensor]:
    """mu `[D]`, W `[D, M]` and sigma^2 `[D]`, all the same, of probabilistic PCA."""
    pixels, size = found.axes.shape
    noise = ((found.total - found.variances.sum()) / (pixels - size)).clamp_min(floor)
    return found.mean, found.axes * (found.variances - noise).clamp_min(0).sqrt(), noise.expand(pixels)


class _Exact(Stage):
    """A closed stage scored by the exact likelihood."""

    closed = True

    def __init__(self, model: LinearGaussian):
        super().__init__()
        self.model = model

    def validate(self, x: Tensor) -> dict[str, float]:
        value = self._mean(x)
        return {"valid_log_likelihood": value, "score": value}

    def _mean(self, x: Tensor) -> float:
        return float(self.model.log_likelihood(x).double().mean())


class ClosedForm(_Exact):
    """Probabilistic PCA's closed form, in one epoch."""

    model: PPCA

    def epochs(self, training: object) -> int:
        return 1

    def fit(self, x: Tensor, epoch: int) -> dict[str, float]:
        self.model.fit(x)
        return {"log_likelihood": self._mean(x)}


class ExpectationMaximisation(_Exact):
    """A step of EM over all training images in each epoch."""

    name = "em"

    def fit(self, x: Tensor, epoch: int) -> dict[str, float]:
        if epoch == 1:
            self.model.begin(x)
        self.model.step(x)
        return {"log_likelihood": self._mean(x)}
