"""The interpreter of portable programs in a real browser: shipped models against torch, and files that are spoilt."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load as tensors_of
from safetensors.numpy import save

import latents
from latents import portable
from latents.data import load as load_data
from latents.evaluation import evaluation_images
from latents.portable.program import Builder, Program

ROOT = Path(__file__).resolve().parents[2]
CANVAS, TRAINED = ROOT / "explorer" / "canvas", ROOT / "trained"
NAMES = sorted(path.parent.name for path in TRAINED.glob("*/config.json"))
QUICK = (  # of all kinds of programs
    "mnist-vampprior-2d",
    "mnist-vmf-5d",
    "digits-hvae-3-layers",
    "digits-vampprior-householder",
    "digits-stick-breaking",
    "digits-logistic",
    "digits-categorical",
    "digits-conv-hvae",
    "digits-factor-analysis",
    "digits-linear-auto-encoder",
)
ADDRESS = "http://interpreter.test"
TOLERANCE = 1e-5
TIMED = 200  # runs

pytestmark = pytest.mark.browser


class Page:
    """A page that has the interpreter and nothing else; what asks for anything else is counted and gets no answer."""

    def __init__(self, page):
        self.page, self.files, self.outside = page, {"/": (b"<!doctype html>", "text/html")}, []
        for path in CANVAS.glob("*.js"):
            self.files[f"/{path.name}"] = (path.read_bytes(), "text/javascript")
        page.route("**/*", self._answer)
        page.goto(f"{ADDRESS}/")
        page.evaluate("async () => { window.interpreter = await import('/interpreter.js'); }")

    def _answer(self, route) -> None:
        url = route.request.url
        found = self.files.get(url.removeprefix(ADDRESS)) if url.startswith(ADDRESS) else None
        if found is None:
            self.outside.append(url)
            route.abort()
        else:
            route.fulfill(body=found[0], content_type=found[1])

    def run(
        self, blob: bytes, inputs: dict[str, np.ndarray], timed: int = TIMED
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Outputs `[N, size]` of a program for inputs `[N, size]`, and milliseconds of a run: median and p95."""
        self.files["/program"] = (blob, "application/octet-stream")
        rows = [
            {name: value[place].tolist() for name, value in inputs.items()}
            for place in range(len(next(iter(inputs.values()))))
        ]
        found = self.page.evaluate(
            """async ([rows, timed]) => {
                const file = await (await fetch("/program", {cache: "no-store"})).arrayBuffer();
                const program = interpreter.loadProgram(file);
                const given = rows.map(row => Object.fromEntries(
                    Object.entries(row).map(([name, numbers]) => [name, Float32Array.from(numbers)])));
                const outputs = given.map(one => Object.fromEntries(
                    Object.entries(program.run(one)).map(([name, numbers]) => [name, Array.from(numbers)])));
                const times = [];
                for (let k = 0; k < timed; k++) {
                    const start = performance.now();
                    program.run(given[k % given.length]);
                    times.push(performance.now() - start);
                }
                times.sort((a, b) => a - b);
                return {outputs, median: times[timed >> 1], p95: times[Math.floor(0.95 * timed)]};
            }""",
            [rows, timed],
        )
        outputs = {name: np.array([row[name] for row in found["outputs"]]) for name in found["outputs"][0]}
        return outputs, {"median": found["median"], "p95": found["p95"]}

    def load(self, *blobs: bytes) -> list[str | None]:
        """For each file what `loadProgram` and a run of it say: None, or the error."""
        return self.page.evaluate(
            """files => files.map(file => {
                try {
                    const bytes = Uint8Array.from(atob(file), letter => letter.charCodeAt(0));
                    const program = interpreter.loadProgram(bytes);
                    program.run(Object.fromEntries(
                        Object.entries(program.inputs).map(([name, size]) => [name, new Float32Array(size)])));
                } catch (error) {
                    return `${error.constructor.name}: ${error.message}`;
                }
                return null;
            })""",
            [base64.b64encode(blob).decode() for blob in blobs],
        )


@pytest.fixture(scope="module")
def page(browser) -> Iterator[Page]:
    context = browser.new_context()
    found = Page(context.new_page())
    yield found
    context.close()
    assert found.outside == []


@torch.no_grad()
def cases(name: str) -> Iterator[tuple[str, bytes, dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Part, file, inputs, and what torch makes of them, for each portable part of a shipped model."""
    model = latents.load(TRAINED / name)
    for part in ("decoder", "encoder"):
        try:
            blob = portable.export(model, part)
        except portable.NotPortable:
            continue
        if part == "decoder":
            z = model.prior().sample((12,))
            yield part, blob, {"z": z.numpy()}, {"pixels": model.picture(z).images.flatten(1).numpy()}
            continue
        x = evaluation_images(model, load_data(model.recipe.data.name), 200)[0][::17]
        q, found = model.encode(x), {"point": model.points(x)}
        outputs = portable.run(blob, {"x": x.flatten(1).numpy()})
        if "stddev" in outputs:
            found["stddev"] = q.stddev
        if "kappa" in outputs:
            found["kappa"] = q.concentration.unsqueeze(-1)
        yield part, blob, {"x": x.flatten(1).numpy()}, {key: value.numpy() for key, value in found.items()}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_as_torch_within_1e_5(page, name, record_property):
    """Every pixel of the decoder, and the encoder's numbers (relative where they are above one)."""
    for part, blob, inputs, wanted in cases(name):
        found, milliseconds = page.run(blob, inputs)
        assert set(found) == set(wanted)
        worst = max(
            float((np.abs(found[key] - wanted[key]) / np.maximum(1, np.abs(wanted[key]))).max()) for key in found
        )
        told = f"{len(blob):,} bytes, worst {worst:.1e}, {milliseconds['median']:.2f} / {milliseconds['p95']:.2f} ms"
        record_property(part, told)
        print(f"{name} {part}: {told}")
        assert worst < TOLERANCE, part


def test_convolutions_of_every_form(page):
    """Kernels that meet repeated pixels at every place within them, strides, and borders."""
    draw, tried = np.random.default_rng(2), 0
    for kernel, repeat, stride, padding in product((1, 2, 3, 4), (1, 2, 3), (1, 2), (0, 1, 2)):
        if kernel > 2 * repeat + 2 * padding:
            continue
        build = Builder({"z": 12})
        maps = replace(build.input(), maps=(2, 2, 3))
        weight, bias = draw.normal(size=(5, 2, kernel, kernel)), draw.normal(size=5)
        found = build.convolve(maps, weight, bias, repeat, stride, padding)
        outputs, shape = {"pixels": found.name}, (1, 1, found.size)
        blob = Program("decoder", build.inputs, build.ops, outputs, shape, "none", build.tensors).write("float32")
        z = draw.normal(size=(2, 12)).astype(np.float32)
        pixels = page.run(blob, {"z": z}, timed=1)[0]["pixels"]
        assert np.abs(pixels - portable.run(blob, {"z": z})["pixels"]).max() < 1e-5, (kernel, repeat, stride, padding)
        tried += 1
    assert tried > 50


def test_buffers_are_used_again_and_nothing_is_left_in_them(page):
    said = page.page.evaluate(
        """file => {
            const program = interpreter.loadProgram(Uint8Array.from(atob(file), letter => letter.charCodeAt(0)));
            const first = program.run({z: [1, 2, 3, 4]}).pixels, before = Array.from(first);
            const other = program.run({z: [0, -1, 0.5, 9]}).pixels, between = Array.from(other);
            const again = Array.from(program.run({z: Float32Array.of(1, 2, 3, 4)}).pixels);
            const errors = [{z: [1, 2, 3]}, {x: [1, 2, 3, 4]}, {}].map(given => {
                try { program.run(given); } catch (error) { return error.message; }
            });
            const equal = `${before}` === `${again}`, moved = `${before}` !== `${between}`;
            return {same: first === other, equal, moved, errors};
        }""",
        base64.b64encode(everything()).decode(),
    )
    assert (said["same"], said["equal"], said["moved"]) == (True, True, True)
    assert said["errors"] == [
        "z has 3 numbers, but 4 were expected.",
        "z has 0 numbers, but 4 were expected.",
        "z has 0 numbers, but 4 were expected.",
    ]


def program_of(blob: bytes) -> dict:
    return json.loads(json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])["__metadata__"]["program"])


def test_one_that_was_cut_off_says_so(page):
    blob = portable.export(latents.load(TRAINED / "digits-pca"), "decoder")
    for said in page.load(*(blob[:end] for end in range(len(blob)))):
        assert said.startswith("Error: ")
        assert said.endswith(".")
    assert page.load(blob) == [None]


def test_one_that_was_changed_runs_or_says_what_is_wrong(page):
    """Every field of the program in turn becomes something else: no other error than a sentence of the interpreter."""
    junk = [None, True, -1, 0.5, 1e300, 3_000_000, "v1", "toString", "__proto__", [], {}, ["v1", "v2"]]
    text, tensors = json.dumps(program_of(everything())), tensors_of(everything())
    assert page.load(everything()) == [None]
    blobs = []
    for path in paths(json.loads(text)):
        for value in junk:
            program = place = json.loads(text)
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            blobs.append(save(tensors, {"program": json.dumps(program)}))
    assert len(blobs) > 1000
    answers = [said for start in range(0, len(blobs), 200) for said in page.load(*blobs[start : start + 200])]
    assert {said for said in answers if said and not (said.startswith("Error: ") and said.endswith("."))} == set()
    assert sum(said is not None for said in answers) > 0.7 * len(blobs)


def everything() -> bytes:
    """A small program of all operations."""
    build, draw = Builder({"z": 4}), np.random.default_rng(0).normal
    z = build.input()
    h = build.add("glu", build.linear(z, draw(size=(8, 4)), draw(size=8)), size=4)
    maps = build.convolve(replace(h, maps=(1, 2, 2)), draw(size=(2, 1, 3, 3)), draw(size=2), 2, 1, 1)
    low, high = build.halves(build.add("sigmoid", maps))
    a, b = (build.add("exp", build.slice(build.add("softplus", z), start, start + 2)) for start in (0, 2))
    sticks = build.add("stick_breaking_mean", a, b, size=3)
    axes = build.add("reflect", build.add("diagonal", h, size=16), build.add("normalise", z))
    logistic = build.add("logistic_mean", low, build.add("affine", high, scale=-1, shift=0))
    levels = build.add("levels_mean", maps, size=4, levels=8)
    joined = build.concat(sticks, build.add("column_norms", axes, size=4), logistic, levels)
    pixels = build.add("clamp", joined, least=0, most=1)
    assert {op["op"] for op in build.ops} == set(portable.OPERATIONS)
    outputs = {"pixels": pixels.name}
    return Program("decoder", build.inputs, build.ops, outputs, (1, 1, pixels.size), "none", build.tensors).write(
        "float32"
    )


def test_all_operations_as_numpy_has_them(page):
    z = np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)
    found, _ = page.run(everything(), {"z": z})
    assert np.abs(found["pixels"] - portable.run(everything(), {"z": z})["pixels"]).max() < 1e-6


def paths(value, above: tuple = ()) -> Iterator[tuple]:
    """The way to every field of nested lists and objects."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*above, key)
            yield from paths(value[key], (*above, key))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8, np.int32, np.int64])
def test_numbers_of_every_type(page, dtype):
    """At addresses that no typed array could begin at: an odd number of bytes lies before."""
    values = np.array([0, 1, 2, 100, 127], dtype)
    if dtype in (np.float32, np.float16):
        values = np.array([0, -0.0, 1, -2.5, 65504, -6e-8, 6.1e-5, np.inf, -np.inf, np.nan], dtype)
    if dtype in (np.int32, np.int64):
        values = np.array([0, -1, 2**31 - 1, -(2**31)], dtype)
    blob = save({"a": np.zeros(3, np.uint8), "b": values.reshape(1, -1)}, {"said": "ä"})
    found = page.page.evaluate(
        """file => {
            const bytes = Uint8Array.from("." + atob(file), letter => letter.charCodeAt(0)).subarray(1);
            const {metadata, tensors} = interpreter.readSafetensors(bytes);
            return {metadata, shape: tensors.b.shape, data: Array.from(tensors.b.data), names: Object.keys(tensors)};
        }""",
        base64.b64encode(blob).decode(),
    )
    assert found["metadata"] == {"said": "ä"}
    assert found["shape"] == [1, len(values)]
    assert sorted(found["names"]) == ["a", "b"]
    assert np.array_equal(np.array(found["data"], float), values.astype(float), equal_nan=True)
