"""Which operations a module is: a function for each type, so that models need not know of portable programs.

`emit` goes from a value to a value (bodies and likelihoods), `posterior` from features to the encoder's outputs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from ..bodies.conv import ConvDecoder, ConvEncoder
from ..bodies.gated_conv import GatedConv
from ..bodies.mlp import MLPDecoder, MLPEncoder
from ..errors import LatentsError
from ..likelihoods import bernoulli, categorical, gaussian, levels, logistic, pixelcnn
from ..models.hierarchical import GaussianHead, JoinedDecoder
from ..networks import GatedLinear
from ..posteriors.flow import Flow
from ..posteriors.gaussian import LOG_VARIANCE_BOUNDS, Gaussian
from ..posteriors.householder import HouseholderFlow
from ..posteriors.kumaraswamy import LEAST, MOST, Kumaraswamy
from ..posteriors.vmf import Directional
from .program import Builder, Value

Outputs = dict[str, Value]


class NotPortable(LatentsError):
    """A decoder or an encoder that is not a portable program; the message is one sentence that says why."""


def array(tensor: Tensor) -> np.ndarray:
    """A tensor's numbers, float32."""
    return tensor.detach().cpu().float().numpy()


@singledispatch
def emit(module: Any, build: Builder, x: Value) -> Value:
    """Write what a module does to x; the value that it makes. Raises NotPortable."""
    kind = getattr(module, "kind", None) or type(module).__name__
    raise NotPortable(f"A part of this model ({kind}) has no counterpart among the operations that a browser runs.")


@singledispatch
def posterior(module: Any, build: Builder, features: Value) -> Outputs:
    """Write an encoder's head: "point", and where they exist "stddev" or "kappa". Raises NotPortable."""
    kind = getattr(module, "kind", None) or type(module).__name__
    raise NotPortable(f"The posterior of this model ({kind}) has no counterpart among the operations of a browser.")


# -- bodies --


@emit.register
def _(module: nn.Linear, build: Builder, x: Value) -> Value:
    bias = np.zeros(module.out_features) if module.bias is None else array(module.bias)
    return build.linear(x, array(module.weight), bias)


@emit.register
def _(module: GatedLinear, build: Builder, x: Value) -> Value:
    both = emit(module.both, build, x)
    return build.add("glu", both, size=both.size // 2)


@emit.register
def _(module: nn.Conv2d, build: Builder, x: Value) -> Value:
    return convolve(module, build, x)


def convolve(module: nn.Conv2d, build: Builder, x: Value, repeat: int = 1) -> Value:
    """A convolution of maps whose pixels are first repeated."""
    square = all(isinstance(size, tuple) and len({*size}) == 1 for size in (module.stride, module.padding))
    plain = module.groups == 1 and module.dilation == (1, 1) and module.padding_mode == "zeros"
    kernel = module.kernel_size
    if not (square and plain and kernel[0] == kernel[1] and module.bias is not None):
        raise NotPortable("This model has a convolution of a form that a browser does not run.")
    stride, padding = int(module.stride[0]), int(module.padding[0])
    return build.convolve(x, array(module.weight), array(module.bias), repeat, stride, padding)


@emit.register
def _(module: GatedConv, build: Builder, x: Value) -> Value:
    return gated(module, build, x)


def gated(module: GatedConv, build: Builder, x: Value, repeat: int = 1) -> Value:
    """A gated convolution of maps whose pixels are first repeated."""
    both = convolve(module.both, build, x, repeat)
    assert both.maps is not None
    channels, *size = both.maps
    return replace(build.add("glu", both, size=both.size // 2), maps=(channels // 2, *size))


@emit.register
def _(module: ConvEncoder, build: Builder, x: Value) -> Value:
    return emit(module.layers, build, x)


@emit.register
def _(module: ConvDecoder, build: Builder, z: Value) -> Value:
    maps = replace(emit(module.dense, build, z), maps=module.start)
    for place, stride in enumerate(module.strides):
        maps = gated(cast(GatedConv, module.convolutions[place]), build, maps, stride)
    return maps


@emit.register(nn.Sequential)
@emit.register(nn.ModuleList)
def _(module: Any, build: Builder, x: Value) -> Value:
    for layer in module:
        x = emit(layer, build, x)
    return x


@emit.register(MLPEncoder)
@emit.register(MLPDecoder)
def _(module: Any, build: Builder, x: Value) -> Value:
    return emit(module.layers, build, x)


@emit.register
def _(module: JoinedDecoder, build: Builder, z: Value) -> Value:
    starts = np.cumsum([0, *module.sizes]).tolist()
    of_layers = [
        emit(layer, build, build.slice(z, start, start + size))
        for layer, start, size in zip(module.layers, starts, module.sizes, strict=False)
    ]
    return emit(module.body, build, build.concat(*of_layers))


# -- likelihoods: the mean picture --


@emit.register
def _(module: bernoulli.Bernoulli, build: Builder, features: Value) -> Value:
    return build.add("sigmoid", emit(module.logits, build, features))


@emit.register
def _(module: gaussian.Gaussian, build: Builder, features: Value) -> Value:
    found = emit(module.head, build, features)
    mean = build.halves(found)[0] if module.settings.variance == "pixel" else found
    return build.add("clamp", mean, least=0, most=1)


@emit.register
def _(module: logistic.Logistic, build: Builder, features: Value) -> Value:
    location, log_scale = build.halves(emit(module.head, build, features))
    black = 0.5 / levels.LEVELS
    location = build.add("affine", build.add("sigmoid", location), scale=1 - 2 * black, shift=black)
    log_scale = build.add("clamp", log_scale, least=module.settings.least_log_scale, most=0)
    mean = build.add("logistic_mean", location, log_scale)
    return build.add("clamp", mean, least=0, most=1)


@emit.register
def _(module: categorical.Categorical, build: Builder, features: Value) -> Value:
    logits = emit(module.logits, build, features)
    return build.add("levels_mean", logits, size=logits.size // levels.LEVELS, levels=levels.LEVELS)


@emit.register
def _(module: pixelcnn.PixelCNNLikelihood, build: Builder, features: Value) -> Value:
    raise NotPortable(
        "This decoder draws a picture pixel by pixel, each given those before it: that takes a pass of its network for "
        "every pixel, too much for a browser at 60 pictures a second."
    )


# -- posteriors --


def standard_deviation(build: Builder, log_variance: Value) -> Value:
    """sigma from a head's log sigma^2, with its bounds."""
    least, most = LOG_VARIANCE_BOUNDS
    bounded = build.add("clamp", log_variance, least=least, most=most)
    return build.add("exp", build.add("affine", bounded, scale=0.5, shift=0))


@posterior.register(Gaussian)
def _gaussian(module: Any, build: Builder, features: Value) -> Outputs:
    stddev = standard_deviation(build, emit(module.log_variance, build, features))
    return {"point": emit(module.mean, build, features), "stddev": stddev}


@posterior.register
def _(module: HouseholderFlow, build: Builder, features: Value) -> Outputs:
    base = _gaussian(module, build, features)
    v = emit(module.first, build, features)
    mean, axes = base["point"], build.add("diagonal", base["stddev"], size=base["stddev"].size ** 2)
    for layer in [None, *module.chain]:
        v = v if layer is None else emit(layer, build, v)
        mean, axes = build.add("reflect", mean, v), build.add("reflect", axes, v)
    return {"point": mean, "stddev": build.add("column_norms", axes, size=mean.size)}


@posterior.register
def _(module: Flow, build: Builder, features: Value) -> Outputs:
    raise NotPortable(
        "The point of an image is the mean of many draws of q(z|x), since a flow's mean has no closed form; a browser "
        "would show other points than the pages do."
    )


@posterior.register
def _(module: Directional, build: Builder, features: Value) -> Outputs:
    direction = build.add("normalise", emit(module.direction, build, features))
    kappa = build.add("softplus", emit(module.concentration, build, features))
    kappa = build.add("affine", kappa, scale=1, shift=1)
    return {"point": direction, "kappa": build.add("clamp", kappa, least=0, most=module.most)}


@posterior.register
def _(module: Kumaraswamy, build: Builder, features: Value) -> Outputs:
    a, b = (build.add("softplus", emit(head, build, features)) for head in (module.a, module.b))
    a, b = (build.add("affine", value, scale=1, shift=LEAST) for value in (a, b))
    a, b = (build.add("clamp", value, least=0, most=MOST) for value in (a, b))
    return {"point": build.add("stick_breaking_mean", a, b, size=a.size + 1)}


@posterior.register
def _(module: GaussianHead, build: Builder, features: Value) -> Outputs:
    mean, log_variance = build.halves(emit(module.both, build, features))
    return {"point": mean, "stddev": standard_deviation(build, log_variance)}
