"""The space of a hierarchy: each layer is treated in its own space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from latents.spaces import Euclidean
from latents.spaces.layers import Layers


@dataclass(frozen=True)
class Circle:
    """Unit vectors of the plane; its one real coordinate is the angle."""

    size: int = 2
    kind = "circle"
    title = "a circle"
    why_no_units = "A circle has no units."

    def point(self, q, samples=64):
        return q.mean / q.mean.norm(dim=-1, keepdim=True)

    def point_words(self, q, samples=64):
        return "mean direction"

    def path(self, a, b, t):
        start, end = self.coordinates(a), self.coordinates(b)
        return self.from_coordinates(torch.lerp(start, end, t.reshape(-1, *[1] * a.dim())))

    def coordinates(self, z):
        return torch.atan2(z[..., 1:], z[..., :1])

    def from_coordinates(self, y):
        return torch.cat([y.cos(), y.sin()], -1)


class Normals:
    """A chain whose lower layer's mean is the sum of what is above, in each of two units."""

    def __init__(self, top):
        self.top = torch.distributions.Normal(top, 1.0)

    def layer(self, place, above):
        assert place == 1
        return torch.distributions.Normal(above.sum(-1, keepdim=True).expand(-1, 2), 1.0)


@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4), batch=st.sampled_from([(), (3,), (2, 3)]))
def test_euclidean_layers_are_one_euclidean_space(sizes, batch):
    space, whole = Layers(tuple(map(Euclidean, sizes))), Euclidean(sum(sizes))
    a, b, t = torch.randn(*batch, whole.size), torch.randn(*batch, whole.size), torch.linspace(0, 1, 4)
    assert (space.kind, space.size, space.sizes) == ("layers", whole.size, tuple(sizes))
    assert_close(space.path(a, b, t), whole.path(a, b, t))
    assert torch.equal(space.coordinates(a), a)
    assert torch.equal(space.from_coordinates(a), a)
    assert [part.shape for part in space.split(a)] == [(*batch, size) for size in sizes]
    assert torch.equal(torch.cat(space.split(a), -1), a)
    assert space.why_no_units is None


def test_titles():
    assert Layers((Euclidean(8), Euclidean(8))).title == "2 layers of 8 and 8 units"
    assert Layers((Euclidean(8), Euclidean(4), Euclidean(1))).title == "3 layers of 8, 4 and 1 units"
    assert Layers((Circle(), Euclidean(3))).title == "2 layers: a circle and 3 dimensions"


class TestEachLayerInItsOwnSpace:
    space = Layers((Circle(), Euclidean(2)))

    def test_path(self):
        a, b = torch.tensor([1.0, 0, 0, 4]), torch.tensor([0.0, 1, 2, 0])
        half = self.space.path(a, b, torch.tensor([0.5]))
        assert_close(half, torch.tensor([[0.5**0.5, 0.5**0.5, 1, 2]]))

    def test_coordinates_and_back(self):
        z = torch.tensor([[0.0, 1, 5, 6], [-1, 0, 7, 8]])
        y = self.space.coordinates(z)
        assert_close(y, torch.tensor([[torch.pi / 2, 5, 6], [torch.pi, 7, 8]]))
        assert_close(self.space.from_coordinates(y), z, atol=1e-6, rtol=0)

    def test_point_goes_down_the_chain(self):
        q = Normals(torch.tensor([[3.0, 4], [0, -2]]))
        assert_close(self.space.point(q), torch.tensor([[0.6, 0.8, 1.4, 1.4], [0, -1, -1, -1]]))
        assert self.space.point_words(q) == "chain of means below the mean direction"
        plain = Layers((Euclidean(2), Euclidean(2)))
        assert_close(plain.point(q), torch.tensor([[3.0, 4, 7, 7], [0, -2, -2, -2]]))
        assert plain.point_words(q) == "chain of means"

    def test_a_layer_without_units_leaves_the_whole_without(self):
        assert self.space.why_no_units == "A circle has no units."
