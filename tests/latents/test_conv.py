"""Gated convolutions against explicit sums, and bodies of any size against what torch can and cannot do."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from latents.bodies import gated_conv
from latents.bodies.conv import ConvDecoder, ConvEncoder
from latents.bodies.gated_conv import GatedConv
from latents.data import load
from latents.errors import RecipeError
from latents.models import build
from latents.recipe import Recipe, override, preset

PRESETS = ["digits-conv", "digits-logistic", "digits-gaussian", "digits-categorical", "mnist-conv-40d"]
LAYER = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(0, 3))
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12))
BATCHES = st.lists(st.integers(1, 3), max_size=3)


def encoder(layers, shape, seed=0) -> ConvEncoder:
    torch.manual_seed(seed)
    return ConvEncoder(ConvEncoder.Settings(layers=layers), shape)


def decoder(layers, shape, size=3, seed=0, **more) -> ConvDecoder:
    torch.manual_seed(seed)
    return ConvDecoder(ConvDecoder.Settings(layers=layers, **more), size, shape)


def refusal(body, layers, shape) -> str | None:
    """What `check` says of these sizes, None when they work."""
    try:
        body.check(body.Settings(layers=layers), shape)
    except ValueError as error:
        return str(error)
    return None


class TestGatedConv:
    @given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.booleans())
    def test_against_an_explicit_sum(self, inputs, outputs, kernel, stride, padding, last):
        """Every output pixel is a window's weighted sum times the gate of another one."""
        torch.manual_seed(kernel + 10 * stride)
        layer = GatedConv(inputs, outputs, kernel, stride, padding).double()
        x = torch.randn(2, inputs, 6, 5, dtype=torch.float64)
        memory_format = torch.channels_last if last else torch.contiguous_format
        with torch.no_grad():
            found = layer.to(memory_format=memory_format)(x.contiguous(memory_format=memory_format))
        padded = torch.zeros(2, inputs, 6 + 2 * padding, 5 + 2 * padding, dtype=torch.float64)
        padded[:, :, padding : padding + 6, padding : padding + 5] = x
        weight, bias = layer.both.weight.detach(), layer.both.bias.detach()
        rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (6, 5))
        assert found.shape == (2, outputs, rows, columns)
        for n, o, i, j in itertools.product(range(2), range(outputs), range(rows), range(columns)):
            window = padded[n, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            value, gate = ((weight[half] * window).sum() + bias[half] for half in (o, outputs + o))
            assert_close(found[n, o, i, j], value / (1 + torch.exp(-gate)))

    def test_moves_with_its_input(self):
        """An image moved by the stride gives maps moved by one, away from the borders."""
        layer = GatedConv(2, 3, 3, stride=2, padding=1)
        x = torch.randn(1, 2, 12, 12)
        with torch.no_grad():
            here, there = layer(x), layer(x.roll((2, 4), (-2, -1)))
        assert_close(there[..., 2:-1, 3:-1], here[..., 1:-2, 1:-3])

    def test_weights_are_he_s(self):
        layer = GatedConv(20, 50, 5)
        assert layer.both.weight.std().item() == pytest.approx(math.sqrt(2 / (20 * 25)), rel=0.02)


class TestEncoder:
    def test_as_it_is_the_papers_stack(self):
        body = ConvEncoder(ConvEncoder.Settings(), (1, 28, 28))
        assert body.maps == (6, 7, 7)
        assert body.features == 294
        assert [tuple(layer.both.weight.shape) for layer in body.layers] == [
            (64, 1, 7, 7),
            (64, 32, 3, 3),
            (128, 32, 5, 5),
            (128, 64, 3, 3),
            (12, 64, 3, 3),
        ]

    @settings(max_examples=60)
    @given(st.lists(LAYER, min_size=1, max_size=4), SIZES, BATCHES)
    def test_check_passes_where_torch_does(self, layers, shape, batch):
        said = refusal(ConvEncoder, layers, shape)
        if said is not None:
            assert ", the kernel, is " in said
            with pytest.raises(RuntimeError, match=r"[Kk]ernel size"):
                encoder(layers, shape).layers(torch.zeros(1, *shape))
            return
        body = encoder(layers, shape)
        found = body(torch.rand(*batch, *shape))
        assert found.shape == (*batch, body.features)
        assert body.features == math.prod(body.maps)
        assert found.isfinite().all()

    def test_too_large_a_kernel_is_said(self):
        too_large = ConvEncoder.Settings(layers=[(8, 3, 2, 1), (8, 3, 2, 0), (8, 5, 1, 1)])
        with pytest.raises(
            ValueError, match=r"layers\.2\.1, the kernel, is 5, but the maps before it are 1 x 1 .*at most 3$"
        ):
            ConvEncoder.check(too_large, (1, 8, 8))
        ConvEncoder.check(ConvEncoder.Settings(layers=[(8, 3, 2, 1), (8, 3, 2, 0), (8, 3, 1, 1)]), (1, 8, 8))


class TestDecoder:
    def test_as_it_is_the_papers(self):
        body = ConvDecoder(ConvDecoder.Settings(), 600, (1, 28, 28))
        assert body.start == (1, 28, 28)
        assert [layer.both.out_features for layer in body.dense] == [2 * 784]
        assert [tuple(layer.both.weight.shape) for layer in body.convolutions] == [(128, 1, 3, 3)] + 3 * [
            (128, 64, 3, 3)
        ]
        assert body.features == 64

    @settings(max_examples=60)
    @given(st.lists(LAYER, min_size=1, max_size=4), SIZES, BATCHES)
    def test_makes_exactly_the_image_or_says_that_nothing_does(self, layers, shape, batch):
        def reached(side: int) -> bool:
            """Whether any first map grows into `side`, by trying them."""
            for size in range(1, 40):
                for _, kernel, stride, padding in layers:
                    size = size * stride + 2 * padding - kernel + 1
                    if size < 1:
                        break
                if size == side:
                    return True
            return False

        said = refusal(ConvDecoder, layers, shape)
        if said is not None:
            assert "set it to" in said
            assert not (reached(shape[1]) and reached(shape[2]))
            return
        body = decoder(layers, shape, start=2, hidden=(5,))
        found = body(torch.randn(*batch, 3))
        assert body.spatial
        assert found.shape == (*batch, body.features, *shape[1:])
        assert found.isfinite().all()

    def test_a_stride_repeats_pixels(self):
        body = decoder([(4, 1, 2, 0)], (1, 6, 8))
        assert body.start == (1, 3, 4)
        found = body(torch.randn(3))
        for i, j in ((0, 1), (1, 0), (1, 1)):
            assert torch.equal(found[:, i::2, j::2], found[:, ::2, ::2])

    @pytest.mark.parametrize(
        ("layers", "sentence"),
        [
            ([(8, 3, 2, 1)] * 3, r"layers\.0\.2, the stride, is 2, .* 28 x 20, which takes 7 x 5 .* a divisor of 1$"),
            ([(8, 3, 1, 1), (8, 1, 1, 10)], r"layers\.1\.3, the padding, is 10, .* set it to at most 9$"),
        ],
    )
    def test_sizes_that_nothing_makes(self, layers, sentence):
        with pytest.raises(ValueError, match=sentence):
            ConvDecoder.check(ConvDecoder.Settings(layers=layers), (1, 28, 20))


class TestBothBodies:
    def bodies(self):
        layers = [(16, 3, 1, 1), (4, 3, 2, 1)]
        yield encoder(layers, (1, 24, 24)), torch.rand(7, 1, 24, 24)
        yield decoder(layers, (1, 24, 24)), torch.randn(7, 3)

    def test_the_larger_maps_are_channels_last(self):
        assert [body.layout for body, _ in self.bodies()] == [torch.channels_last, torch.contiguous_format]

    def test_layouts_agree(self):
        """The same features and gradients, whichever layout is the faster."""
        for body, batch in self.bodies():
            found = {}
            for layout in (torch.channels_last, torch.contiguous_format):
                body.layout = layout
                body.zero_grad()
                features = body.to(memory_format=layout)(batch)
                features.square().mean().backward()
                found[layout] = [features, *(parameter.grad for parameter in body.parameters())]
            for one, other in zip(*found.values(), strict=True):
                assert_close(one, other, rtol=1e-4, atol=1e-4)

    def test_any_leading_dimensions(self):
        for body, batch in self.bodies():
            flat, one = body(batch), body(batch[3])
            grid = body(torch.stack([batch, batch.flip(0)]))
            assert_close(one, flat[3], rtol=1e-4, atol=1e-5)
            assert_close(grid, torch.stack([flat, flat.flip(0)]), rtol=1e-4, atol=1e-5)

    def test_in_pieces_where_no_gradient_is_asked_for(self, monkeypatch):
        for body, batch in self.bodies():
            whole = body(batch)
            monkeypatch.setattr(gated_conv, "_PIECE", 2 * body._floats)
            with torch.no_grad():
                assert_close(body(batch), whole.detach(), rtol=1e-4, atol=1e-5)

    def test_weights_that_were_stored_give_the_same_bits(self):
        """They are stored without their layout, which is the body's, not theirs."""
        for body, batch in self.bodies():
            fresh = encoder([(16, 3, 1, 1), (4, 3, 2, 1)], (1, 24, 24), seed=1)
            if isinstance(body, ConvDecoder):
                fresh = decoder([(16, 3, 1, 1), (4, 3, 2, 1)], (1, 24, 24), seed=1)
            assert not torch.equal(fresh(batch), body(batch))
            fresh.load_state_dict({name: value.contiguous() for name, value in body.state_dict().items()})
            assert torch.equal(fresh(batch), body(batch))


class TestModels:
    def test_the_elbo_reaches_every_weight(self, tiny):
        recipe = tiny(
            model__encoder__kind="conv",
            model__encoder__layers=[[4, 3, 2, 1], [3, 3, 1, 1]],
            model__decoder__kind="conv",
            model__decoder__layers=[[4, 3, 2, 1], [3, 3, 1, 1]],
        )
        torch.manual_seed(0)
        model = build(recipe, (1, 8, 8))
        x = torch.randint(0, 2, (20, 1, 8, 8)).float()
        model.elbo(x).value.mean().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad.abs().sum() > 0, name
        assert model.log_weights(x, 3).isfinite().all()
        assert model.eval().log_likelihood(x, 3).isfinite().all()

    def test_convhvae(self):
        """The paper's: q(z2|x) and q(z1|x, z2) see 294 features each, and p(x|z1, z2) is made of maps."""
        below = [[32, 3, 1, 1], [32, 3, 2, 1], [64, 3, 1, 1], [64, 3, 2, 1], [6, 3, 1, 1]]
        recipe = Recipe.parse(
            {
                "model": {
                    "kind": "hierarchical",
                    "encoder": {"kind": "conv"},
                    "below": {"kind": "conv", "layers": below},
                    "decoder": {"kind": "conv"},
                }
            }
        )
        recipe.check(load("mnist"))
        torch.manual_seed(0)
        model = build(recipe, (1, 28, 28)).eval()
        assert model.encoder.features == model.below.features == 294
        with torch.no_grad():
            assert model.elbo(torch.randint(0, 2, (2, 1, 28, 28)).float()).value.isfinite().all()

    @pytest.mark.parametrize("name", [*PRESETS, "frey-faces-conv"])
    def test_presets_fit_their_images(self, name):
        recipe = preset(name)
        recipe.check(load(recipe.data.name))

    @pytest.mark.parametrize(
        ("field", "layers", "sentence"),
        [
            ("encoder", [[8, 9, 1, 0]], r"model\.encoder\.layers\.0\.1, the kernel, is 9, .* set it to at most 8"),
            ("decoder", [[8, 3, 3, 1]], r"model\.decoder\.layers\.0\.2, the stride, is 3, .* a divisor of 8"),
        ],
    )
    def test_sizes_that_cannot_work_are_found_with_the_recipe(self, digits, field, layers, sentence):
        with pytest.raises(RecipeError, match=sentence):
            override(preset("digits-conv"), {f"model.{field}.layers": str(layers)}).check(digits)

    @pytest.mark.parametrize("layers", ["[]", "[[8, 3]]", "[[8, 0, 1, 1]]", "[[8, 3, 1, -1]]"])
    def test_layers_that_are_none(self, layers):
        with pytest.raises(RecipeError, match=r"model\.encoder\.layers"):
            override(preset("digits-conv"), {"model.encoder.layers": layers})
