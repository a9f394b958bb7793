"""What the decoder and the encoder of each family of models are made of."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import torch

from ..models import VAE
from ..models.auto_encoder import AutoEncoder, LinearAutoEncoder
from ..models.hierarchical import Hierarchical
from ..models.linear import PCA
from ..models.linear.gaussian import LinearGaussian
from ..models.realnvp import RealNVP
from ..models.vq_vae import VQVAE
from .modules import NotPortable, Outputs, array, emit, posterior
from .program import Builder, Value


@singledispatch
def decode(model: Any, build: Builder, z: Value) -> Value:
    """Write the mean picture of p(x|z), in [0, 1]. Raises NotPortable."""
    raise NotPortable(f"Models of the kind {model.kind!r} have no decoder that a browser can run.")


@singledispatch
def encode(model: Any, build: Builder, x: Value) -> Outputs:
    """Write the outputs of q(z|x). Raises NotPortable."""
    raise NotPortable(f"Models of the kind {model.kind!r} have no encoder that a browser can run.")


def expected_below(model: Any, build: Builder, z: Value, kept: int) -> Value:
    """Write z with each layer below the uppermost `kept` at the prior's mean given those above it."""
    sizes = model.space.sizes if isinstance(model, Hierarchical) else (z.size,)
    if not 1 <= kept <= len(sizes):
        raise ValueError(f"kept is {kept}, but z has {len(sizes)} layers")
    whole = build.slice(z, 0, sum(sizes[:kept]))
    for layer in list(getattr(model, "lower_priors", []))[kept - 1 :]:
        whole = build.concat(whole, posterior(layer.head, build, emit(layer.body, build, whole))["point"])
    return whole


def _within(build: Builder, image: Value) -> Value:
    return build.add("clamp", image, least=0, most=1)


@decode.register(VAE)
@decode.register(AutoEncoder)
def _(model: Any, build: Builder, z: Value) -> Value:
    return emit(model.likelihood, build, emit(model.decoder, build, z))


@encode.register
def _(model: VAE, build: Builder, x: Value) -> Outputs:
    return posterior(model.posterior, build, emit(model.encoder, build, x))


@encode.register
def _(model: Hierarchical, build: Builder, x: Value) -> Outputs:
    """The chain of means: each lower layer's is taken at the means above it."""
    found = posterior(model.posterior, build, emit(model.encoder, build, x))
    features = emit(model.below, build, x)
    for layer in model.lower_posteriors:
        above = emit(layer.body, build, found["point"])
        joined = emit(layer.joined, build, build.concat(features, above))
        lower = posterior(layer.head, build, joined)
        found = {name: build.concat(found[name], lower[name]) if name in lower else found[name] for name in found}
    return found


@encode.register
def _(model: AutoEncoder, build: Builder, x: Value) -> Outputs:
    return {"point": emit(model.head, build, emit(model.encoder, build, x))}


@decode.register
def _(model: LinearAutoEncoder, build: Builder, z: Value) -> Value:
    return _within(build, emit(model.decoder, build, z))


@encode.register
def _(model: LinearAutoEncoder, build: Builder, x: Value) -> Outputs:
    return {"point": emit(model.encoder, build, x)}


@decode.register
def _(model: PCA, build: Builder, z: Value) -> Value:
    return _within(build, build.linear(z, array(model.axes), array(model.centre)))


@encode.register
def _(model: PCA, build: Builder, x: Value) -> Outputs:
    axes = array(model.axes).T
    return {"point": build.linear(x, axes, -axes @ array(model.centre), exact=True)}


@decode.register
def _(model: LinearGaussian, build: Builder, z: Value) -> Value:
    return _within(build, build.linear(z, array(model.loadings), array(model.centre)))


@encode.register
def _(model: LinearGaussian, build: Builder, x: Value) -> Outputs:
    """The mean is linear in the image and the variance is the same for all: both from the model itself."""
    origin = torch.zeros(1, *model.shape, device=model.device)
    pixels = torch.eye(x.size, device=model.device).unflatten(1, model.shape)
    q = model.encode(origin)
    shift = q.mean[0].double()
    weight = (model.posterior_mean(pixels.flatten(1).double()) - model.posterior_mean(origin.flatten(1).double())).T
    stddev = build.linear(x, np.zeros((len(shift), x.size)), array(q.stddev[0]), exact=True)
    return {"point": build.linear(x, array(weight), array(shift), exact=True), "stddev": stddev}


@decode.register
@encode.register
def _(model: VQVAE, build: Builder, value: Value) -> Any:
    raise NotPortable(
        "In this model z is a grid of codes, not a vector that can be moved a little: there is nothing between two "
        "codes that a browser could show."
    )


@decode.register
@encode.register
def _(model: RealNVP, build: Builder, value: Value) -> Any:
    raise NotPortable(
        "A flow between images and noise has as many latent numbers as pixels and a network for each of its couplings: "
        "it is not made of the operations that a browser runs."
    )
