"""The distribution of one number of an image, by K parameters: what a causal network ends in."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LEVELS = 256
_STEP = 1 / (_LEVELS - 1)  # between two levels of x = k / 255
_TINY = 1e-12  # nearer to 0 or 1 no uniform number is taken to be


class Output:
    """p(x_i) for each number of an image. `draw` inverts the distribution function, so that uniforms say all.

    Attributes:
        numbers: K, parameters for each number of the image.
        binary: whether x is 0 or 1, else one of the 256 levels k / 255.
    """

    numbers: int
    binary: bool

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Parameters `[..., K, C, H, W]` and images `[..., C, H, W]` to `[..., C, H, W]`, nats."""
        raise NotImplementedError

    def draw(self, parameters: Tensor, uniforms: Tensor) -> Tensor:
        """Parameters `[..., K]` and numbers in [0, 1) `[...]` to values in [0, 1], `[...]`."""
        raise NotImplementedError


class BernoulliOutput(Output):
    """One logit l: p(x = 1) = sigmoid(l)."""

    numbers, binary = 1, True

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        logits = parameters.squeeze(-4)
        return -functional.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")

    def draw(self, parameters: Tensor, uniforms: Tensor) -> Tensor:
        return (uniforms < torch.sigmoid(parameters.squeeze(-1))).to(parameters.dtype)


class CategoricalOutput(Output):
    """256 logits: any distribution over the levels."""

    numbers, binary = _LEVELS, False

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        levels = (x * (_LEVELS - 1)).round().long().unsqueeze(-4)
        levels = levels.expand(*parameters.shape[:-4], 1, *parameters.shape[-3:])
        return functional.log_softmax(parameters, -4).gather(-4, levels).squeeze(-4)

    def draw(self, parameters: Tensor, uniforms: Tensor) -> Tensor:
        cumulated = torch.softmax(parameters, -1).cumsum(-1)
        levels = torch.searchsorted(cumulated, uniforms.unsqueeze(-1).contiguous(), right=True).squeeze(-1)
        return levels.clamp(max=_LEVELS - 1).to(parameters.dtype) * _STEP


class LogisticOutput(Output):
    r"""A discretised logistic: P(x <= k / 255) = sigmoid(((k + 1/2) / 255 - mu) / s); the edge levels have their tails.

    The two parameters are mu - 1/2 and log s + 2. A bin's probability sigmoid(a) - sigmoid(b) is taken as
    sigmoid(a) sigmoid(-b) (1 - e^(b - a)), which loses no digits.

    Reference: Salimans et al., "PixelCNN++", 2017, with one component.
    """

    numbers, binary = 2, False

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        mean, scale = self._at(parameters, -4)
        levels = (x * (_LEVELS - 1)).round()
        upper = ((levels + 0.5) * _STEP - mean) / scale
        lower = ((levels - 0.5) * _STEP - mean) / scale
        below, above = functional.logsigmoid(upper), functional.logsigmoid(-lower)
        inner = below + above + torch.log(-torch.expm1(-_STEP / scale))
        return torch.where(levels == 0, below, torch.where(levels == _LEVELS - 1, above, inner))

    def draw(self, parameters: Tensor, uniforms: Tensor) -> Tensor:
        mean, scale = self._at(parameters, -1)
        x = mean + scale * torch.logit(uniforms, eps=_TINY)
        return (x * (_LEVELS - 1)).round().clamp(0, _LEVELS - 1) * _STEP

    @staticmethod
    def _at(parameters: Tensor, dimension: int) -> tuple[Tensor, Tensor]:
        mean, log_scale = parameters.unbind(dimension)
        return mean + 0.5, torch.exp((log_scale - 2).clamp(-7, 7))


OUTPUTS: dict[str, Output] = {
    "bernoulli": BernoulliOutput(),
    "categorical": CategoricalOutput(),
    "logistic": LogisticOutput(),
}
