"""Portable programs: each operation against torch's, each shipped model against itself, and files that are spoilt."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load as tensors_of
from safetensors.numpy import save
from torch import nn
from torch.nn import functional

import latents
from latents import portable
from latents.data import load as load_data
from latents.evaluation import evaluation_images
from latents.flows.householder import Householder, HouseholderGaussian, unit
from latents.likelihoods.categorical import CategoricalImage
from latents.likelihoods.logistic import DiscretisedLogistic
from latents.models import build
from latents.portable.program import Builder, Program
from latents.recipe import preset
from latents.stick_breaking import StickBreaking

TRAINED = Path(__file__).resolve().parents[2] / "trained"
NAMES = sorted(path.parent.name for path in TRAINED.glob("*/config.json"))
WHY_NOT = {  # a word of the reason
    "digits-causal-convolution": {"decoder": "no latent", "encoder": "no latent"},
    "digits-finite-memory": {"decoder": "no latent", "encoder": "no latent"},
    "digits-recurrent": {"decoder": "no latent", "encoder": "no latent"},
    "digits-realnvp": {"decoder": "as pixels", "encoder": "as pixels"},
    "digits-vq-vae": {"decoder": "codes", "encoder": "codes"},
    "mnist-vq": {"decoder": "codes", "encoder": "codes"},
    "digits-pixelcnn": {"decoder": "pixel by pixel"},
    "digits-pixel-hvae": {"decoder": "pixel by pixel"},
    "mnist-pixelcnn": {"decoder": "pixel by pixel"},
    "digits-iaf": {"encoder": "closed form"},
    "digits-nice": {"encoder": "closed form"},
    "digits-planar": {"encoder": "closed form"},
    "digits-sylvester-householder": {"encoder": "closed form"},
    "digits-sylvester-orthogonal": {"encoder": "closed form"},
    "digits-sylvester-triangular": {"encoder": "closed form"},
}
PORTABLE = [(name, part) for name in NAMES for part in ("decoder", "encoder") if part not in WHY_NOT.get(name, {})]
TOLERANCE = 1e-5

numbers = st.floats(-30, 30, width=32)


def images(model, count: int = 12) -> torch.Tensor:
    """Some test images, as the model's pages show them."""
    return evaluation_images(model, load_data(model.recipe.data.name), 200)[0][:: 200 // count][:count]


def points(model, count: int = 12) -> torch.Tensor:
    """Places of latent space: those of images, and draws from the prior."""
    z = model.prior().sample((count,))
    return z if model.why_not("encode") else torch.cat([z, model.points(images(model, count))])


@torch.no_grad()
def expected(model, part: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs of a program, and what torch makes of them."""
    if part == "decoder":
        z = points(model)
        return {"z": z.numpy()}, {"pixels": model.picture(z).images.flatten(1).numpy()}
    x = images(model)
    q = model.encode(x)
    found = {"point": model.points(x)}
    if model.space.kind == "sphere":
        found["kappa"] = q.concentration.unsqueeze(-1)
    elif not (q.stddev == 0).all() and model.space.kind != "simplex":
        found["stddev"] = q.stddev
    return {"x": x.flatten(1).numpy()}, {name: value.numpy() for name, value in found.items()}


def worst(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> float:
    """The largest difference, relative where numbers are above one."""
    assert set(found) == set(wanted)
    return max(
        float((np.abs(found[name] - value) / np.maximum(1, np.abs(value))).max()) for name, value in wanted.items()
    )


class TestShipped:
    @pytest.mark.parametrize(("name", "part"), PORTABLE)
    def test_as_torch_within_1e_5(self, name, part):
        """Shipped weights are float16, so that the program has the same."""
        model = latents.load(TRAINED / name)
        inputs, wanted = expected(model, part)
        found = portable.run(portable.export(model, part), inputs)
        assert all(value.dtype == np.float32 for value in found.values())
        assert worst(found, wanted) < TOLERANCE

    @pytest.mark.parametrize(("name", "part"), [(name, part) for name, parts in WHY_NOT.items() for part in parts])
    def test_or_a_sentence_says_why_not(self, name, part):
        model = latents.load(TRAINED / name)
        reason = portable.why_not(model, part)
        assert WHY_NOT[name][part] in reason
        assert reason[0].isupper()
        assert reason.endswith(".")
        with pytest.raises(portable.NotPortable) as error:
            portable.export(model, part)
        assert str(error.value) == reason

    def test_what_a_file_says(self):
        model = latents.load(TRAINED / "mnist-vmf-2d")
        for part in ("decoder", "encoder"):
            blob = portable.export(model, part)
            assert len(blob) < 1_400_000
            assert {value.dtype for value in tensors_of(blob).values()} == {np.dtype(np.float16)}
            program = Program.read(blob)
            assert program.part == part
            assert program.shape == (1, 28, 28)
            assert program.binarise == "bernoulli"
            assert program.inputs == ({"z": 3} if part == "decoder" else {"x": 784})
            assert set(program.outputs) == ({"pixels"} if part == "decoder" else {"point", "kappa"})
            assert portable.why_not(model, part) is None

    def test_gray_images_are_not_binarised(self):
        assert Program.read(portable.export(latents.load(TRAINED / "digits-logistic"), "encoder")).binarise == "none"


class TestRounding:
    @pytest.mark.parametrize("part", ["decoder", "encoder"])
    def test_float16_is_that_of_the_rounded_weights(self, fresh, part):
        model = fresh("vampprior", components=5)
        blob = portable.export(model, part)
        assert {value.dtype for value in tensors_of(blob).values()} == {np.dtype(np.float16)}
        exact = portable.export(model, part, "float32")
        assert len(exact) > 1.5 * len(blob)
        name = "z" if part == "decoder" else "x"
        inputs = {name: np.random.default_rng(0).random((9, 2 if part == "decoder" else 20), dtype=np.float32)}

        def of_torch() -> dict[str, np.ndarray]:
            given = torch.from_numpy(inputs[name])
            with torch.no_grad():
                if part == "decoder":
                    return {"pixels": model.picture(given).images.flatten(1).numpy()}
                q = model.encode(given.unflatten(1, model.shape))
                return {"point": q.mean.numpy(), "stddev": q.stddev.numpy()}

        assert worst(portable.run(exact, inputs), of_torch()) < TOLERANCE
        assert worst(portable.run(blob, inputs), of_torch()) > TOLERANCE
        for parameter in model.parameters():
            parameter.data = parameter.data.half().float()
        assert worst(portable.run(blob, inputs), of_torch()) < TOLERANCE

    def test_weights_that_float16_cannot_hold_stay_float32(self, fresh):
        model = fresh()
        with torch.no_grad():
            model.likelihood.logits.weight.mul_(1e-7)
            model.decoder.layers[-1].both.weight[:16].mul_(1e7)
        assert {value.dtype for value in tensors_of(portable.export(model, "decoder")).values()} == {
            np.dtype(np.float32)
        }


class TestUntrained:
    """Combinations that no shipped model has."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"likelihood__kind": "gaussian", "likelihood__variance": "pixel"},
            {"likelihood__kind": "gaussian", "likelihood__variance": "fixed"},
            {"likelihood__kind": "discretised-logistic"},
            {"encoder": {"kind": "conv", "layers": ((4, 3, 2, 1), (5, 3, 1, 0))}, "likelihood__kind": "gaussian"},
            {
                "decoder": {"kind": "conv", "hidden": (7,), "start": 3, "layers": ((4, 3, 2, 1), (5, 3, 2, 1))},
                "likelihood__kind": "discretised-logistic",
            },
            {
                "decoder": {"kind": "conv", "start": 2, "layers": ((4, 4, 3, 1),)},
                "likelihood__kind": "gaussian",
                "likelihood__variance": "pixel",
            },
            {"posterior__kind": "vmf", "prior__kind": "uniform-sphere"},
            {"prior__kind": "mixture"},
        ],
        ids=lambda changes: " ".join(map(str, changes.values()))[:40],
    )
    def test_colour_images(self, tiny, changes):
        recipe = tiny(data__binarisation="none", **{f"model__{name}": value for name, value in changes.items()})
        self.check(build(recipe, (3, 8, 8)).eval())

    @pytest.mark.parametrize("top", [("gaussian", "standard"), ("householder", "vampprior"), ("vmf", "uniform-sphere")])
    def test_hierarchies(self, tiny, top):
        recipe = tiny(
            model={
                "kind": "hierarchical",
                "layers": (3, 2, 4),
                "hidden": 6,
                "posterior": {"kind": top[0]},
                "prior": {"kind": top[1]} | ({"components": 3} if top[1] == "vampprior" else {}),
            }
        )
        outputs = self.check(build(recipe, (1, 8, 8)).eval())
        assert set(outputs) == ({"point", "kappa"} if top[0] == "vmf" else {"point", "stddev"})

    @pytest.mark.parametrize("kept", [1, 2, 3])
    def test_layers_below_are_at_the_mean_that_the_prior_expects(self, kept):
        model = latents.load(TRAINED / "digits-hvae-3-layers")
        z = torch.randn(5, 24, generator=torch.Generator().manual_seed(kept))
        whole = z[:, : 8 * kept]
        for layer in list(model.lower_priors)[kept - 1 :]:
            whole = torch.cat([whole, layer(whole).mean], -1)
        found = portable.run(portable.export(model, "decoder", "float32", kept=kept), {"z": z.numpy()})["pixels"]
        np.testing.assert_allclose(found, model.decode(whole).mean.flatten(1).detach(), atol=1e-5)
        with pytest.raises(ValueError, match="3 layers"):
            portable.export(model, "decoder", kept=4)

    @torch.no_grad()
    def check(self, model) -> set[str]:
        """Both parts of a model as torch has them; the encoder's outputs."""
        x = torch.rand(5, *model.shape)
        q, z = model.encode(x), model.points(x)
        pixels = model.picture(z).images.flatten(1).numpy()
        found = portable.run(portable.export(model, "decoder", "float32"), {"z": z.numpy()})
        assert worst(found, {"pixels": pixels}) < TOLERANCE
        found = portable.run(portable.export(model, "encoder", "float32"), {"x": x.flatten(1).numpy()})
        wanted = {"point": z.numpy()}
        if "kappa" in found:
            wanted["kappa"] = getattr(q, "top", q).concentration.unsqueeze(-1).numpy()
        if "stddev" in found:
            wanted["stddev"] = q.stddev.numpy()
        assert worst(found, wanted) < TOLERANCE
        return set(found)


class TestWhatIsNotKnown:
    def test_an_outside_part(self, linear_gaussian):
        model = linear_gaussian()
        assert "(same)" in portable.why_not(model, "decoder")
        assert "(flat)" in portable.why_not(model, "encoder")

    def test_a_part_that_does_something_else_than_its_base(self, fresh):
        from latents.bodies import mlp

        class Other(mlp.MLPDecoder):
            kind = ""

            def forward(self, z):
                return -super().forward(z)

        model = fresh()
        model.decoder.__class__ = Other
        assert "gave other numbers" in portable.why_not(model, "decoder")
        assert portable.why_not(model, "encoder") is None

    def test_a_decoder_too_large_for_60_pictures_a_second(self):
        recipe = preset("mnist-standard-2d")
        changed = recipe.model.model_copy(update={"decoder": preset("mnist-conv-40d").model.decoder})
        deep = changed.decoder.model_copy(update={"start": 1, "layers": ((64, 3, 1, 1),) * 4})
        model = build(recipe.model_copy(update={"model": changed.model_copy(update={"decoder": deep})}), (1, 28, 28))
        assert "million multiply-adds" in portable.why_not(model.eval(), "decoder")

    def test_no_such_part(self, fresh):
        with pytest.raises(ValueError, match="'decoder' or 'encoder'"):
            portable.export(fresh(), "prior")


def run(op: str, *values: torch.Tensor, tensors: dict[str, np.ndarray] | None = None, **arguments) -> torch.Tensor:
    """One operation on batches `[N, ...]`, by way of a program."""
    builder = Builder({f"x{place}": value[0].numel() for place, value in enumerate(values)})
    names = {key: builder.tensor(value) for key, value in (tensors or {}).items()}
    builder.ops.append({"op": op, "in": list(builder.inputs), "out": "y", **names, **arguments})
    program = Program("decoder", builder.inputs, builder.ops, {"y": "y"}, (1, 1, 1), "none", builder.tensors)
    return torch.from_numpy(
        program.run({f"x{place}": value.flatten(1).numpy() for place, value in enumerate(values)})["y"]
    )


def batch(draw_from, *shape: int) -> st.SearchStrategy[torch.Tensor]:
    size = int(np.prod(shape))
    return st.lists(draw_from, min_size=size, max_size=size).map(lambda one: torch.tensor(one).reshape(shape))


class TestOperations:
    @given(batch(numbers, 3, 5), batch(numbers, 4, 5), batch(numbers, 4))
    def test_linear(self, x, weight, bias):
        found = run("linear", x, tensors={"weight": weight.T.numpy(), "bias": bias.numpy()})
        assert torch.allclose(found, functional.linear(x, weight, bias), rtol=1e-5, atol=1e-3)

    @given(batch(st.floats(-200, 200, width=32), 3, 6))
    def test_elementwise(self, x):
        close = {"rtol": 1e-5, "atol": 1e-6}
        assert torch.allclose(run("glu", x), functional.glu(x), rtol=1e-5, atol=2e-5)
        assert torch.allclose(run("sigmoid", x), torch.sigmoid(x), **close)
        assert torch.allclose(run("softplus", x), functional.softplus(x), **close)
        assert torch.allclose(run("exp", x.clamp(-80, 80)), torch.exp(x.clamp(-80, 80)), rtol=1e-5)
        assert torch.equal(run("clamp", x, least=-6, most=2.5), functional.hardtanh(x, -6, 2.5))
        assert torch.allclose(run("affine", x, scale=0.3, shift=-1.5), 0.3 * x - 1.5, **close)
        assert torch.equal(run("concat", x, x[:, :2]), torch.cat([x, x[:, :2]], -1))
        assert torch.equal(run("slice", x, start=1, stop=4), x[:, 1:4])

    @given(batch(numbers, 3, 4))
    def test_normalise(self, x):
        assert torch.allclose(run("normalise", x), functional.normalize(x, dim=-1), atol=1e-6)
        assert torch.equal(run("normalise", torch.zeros(2, 3)), torch.zeros(2, 3))

    @given(batch(numbers, 3, 4), batch(numbers, 3, 2, 4), batch(st.floats(0.125, 3, width=32), 3, 4))
    def test_reflections_and_what_they_make_of_a_covariance(self, x, normals, stddev):
        rotation = Householder(unit(normals))
        found, axes = x, run("diagonal", stddev)
        for v in normals.unbind(1):
            found, axes = run("reflect", found, v), run("reflect", axes, v)
        assert torch.allclose(found, rotation.rotate(x), atol=1e-4)
        from latents.distributions import DiagonalGaussian

        q = HouseholderGaussian(DiagonalGaussian(x, 2 * stddev.log()), [rotation])
        assert torch.allclose(run("column_norms", axes), q.stddev, atol=1e-4)

    @given(batch(st.floats(0, 1, width=32), 3, 4), batch(st.floats(-7, 0, width=32), 3, 4))
    def test_the_mean_of_the_discretised_logistic(self, location, log_scale):
        wanted = DiscretisedLogistic(location.double().view(3, 1, 2, 2), log_scale.double().view(3, 1, 2, 2)).mean
        assert torch.allclose(run("logistic_mean", location, log_scale), wanted.flatten(1).float(), atol=1e-6)

    @given(st.integers(0, 99), st.sampled_from([0.1, 3, 30]))
    def test_the_mean_of_levels(self, seed, size):
        torch.manual_seed(seed)
        logits = size * torch.randn(2, 256, 3)
        wanted = CategoricalImage(logits.unsqueeze(-2).unsqueeze(-2)).mean
        assert torch.allclose(run("levels_mean", logits, levels=256), wanted.flatten(1), atol=1e-5)

    @given(batch(st.floats(0.125, 1000, width=32), 3, 4), batch(st.floats(0.125, 1000, width=32), 3, 4))
    def test_the_mean_of_broken_sticks(self, a, b):
        found = run("stick_breaking_mean", a, b)
        assert torch.allclose(found, StickBreaking(a.double(), b.double()).mean.float(), atol=1e-6)
        assert torch.allclose(found.sum(-1), torch.ones(3), atol=1e-5)

    @given(
        st.integers(1, 4),
        st.integers(1, 5),
        st.integers(1, 3),
        st.integers(1, 3),
        st.integers(0, 2),
        st.integers(0, 99),
    )
    def test_convolve(self, kernel, height, repeat, stride, padding, seed):
        torch.manual_seed(seed)
        width = height + 1
        if kernel > height * repeat + 2 * padding:
            return
        layer = nn.Conv2d(2, 3, kernel, stride, padding)
        x = torch.randn(2, 2, height, width)
        weight = layer.weight.detach().permute(2, 3, 1, 0).numpy()
        sizes = {"height": height, "width": width, "repeat": repeat, "stride": stride, "padding": padding}
        found = run("convolve", x, tensors={"weight": weight, "bias": layer.bias.detach().numpy()}, **sizes)
        with torch.no_grad():
            wanted = layer(functional.interpolate(x, scale_factor=repeat)).flatten(1)
        assert torch.allclose(found, wanted, atol=1e-5)


@cache
def householder() -> bytes:
    """A file with many kinds of operations."""
    return portable.export(latents.load(TRAINED / "digits-householder"), "encoder")


class TestSpoilt:
    def test_cut_off_anywhere(self):
        blob = householder()
        for end in {0, 1, 7, 8, 9, 100, 1000, 2500, len(blob) // 2, len(blob) - 1}:
            with pytest.raises(portable.PortableError, match=r"export the model again"):
                portable.run(blob[:end], {"x": np.zeros((1, 64))})

    @given(st.data())
    def test_a_program_that_was_changed_runs_or_says_what_is_wrong(self, data):
        """Whatever a field became, the answer is an array or one sentence."""
        program, tensors = parts(householder())
        for _ in range(data.draw(st.integers(1, 3))):
            spoil(program, data)
        try:
            found = portable.run(save(tensors, {"program": json.dumps(program)}), {"x": np.zeros((2, 64))})
        except portable.PortableError:
            return
        assert all(len(value) == 2 for value in found.values())

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda p: p.update(version=2), "version 2"),
            (lambda p: p.update(shape=[1, 8, 9]), "does not fit its pixels"),
            (lambda p: p.update(inputs={"x": 0}), "sizes"),
            (lambda p: p.update(outputs={}), "outputs"),
            (lambda p: p["ops"][0].update(op="eval"), "'eval', which is none of linear"),
            (lambda p: p["ops"][0].update({"in": ["y"]}), "not all made before it"),
            (lambda p: p["ops"][0].update(weight="t99"), "no tensor 't99'"),
            (lambda p: p["ops"][0].update(weight=["t1"]), "no tensor"),
            (lambda p: p["ops"][0].update(weight="t5"), "linear takes 64 numbers"),
            (lambda p: p["ops"][1].update(out="v1"), "no new name"),
            (lambda p: p["ops"].extend([p["ops"][1] | {"out": f"w{k}"} for k in range(1000)]), "at most 1000"),
            (
                lambda p: p["ops"].extend(
                    [{"op": "concat", "in": [f"w{k}", f"w{k}"] if k else ["x"], "out": f"w{k + 1}"} for k in range(40)]
                ),
                "more than 4194304",
            ),
        ],
    )
    def test_sentences(self, change, words):
        program, tensors = parts(householder())
        change(program)
        with pytest.raises(portable.PortableError) as error:
            portable.run(save(tensors, {"program": json.dumps(program)}), {"x": np.zeros((1, 64))})
        assert words in str(error.value)

    def test_inputs_that_do_not_fit(self):
        blob = householder()
        with pytest.raises(portable.PortableError, match=r"\[N, 64\] was expected"):
            portable.run(blob, {"x": np.zeros((1, 63))})
        with pytest.raises(portable.PortableError, match="takes x, which is not given"):
            portable.run(blob, {"z": np.zeros((1, 64))})


def parts(blob: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """A file's program and its tensors."""
    header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
    return json.loads(header["__metadata__"]["program"]), tensors_of(blob)


def spoil(program: dict, data: st.DataObject) -> None:
    """Put something else into one field of a program, somewhere."""
    place: object = program
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))  # type: ignore[arg-type, call-overload]
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        inner = place[key]  # type: ignore[index]
        if isinstance(inner, dict | list) and data.draw(st.booleans()):
            place = inner
            continue
        junk = (
            st.none() | st.booleans() | st.integers(-3, 10**40) | st.floats() | st.sampled_from(["v1", "x", "t1", ""])
        )
        place[key] = data.draw(junk | st.just([]) | st.just({}) | st.just(["v1", "v2"]))  # type: ignore[index]
        return
