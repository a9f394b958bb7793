"""Maps of latent space: determinants against autograd's Jacobian, inverses, batches, and what keeps them invertible."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd.functional import jacobian
from torch.testing import assert_close

from latents.flows import Householder, Inverse, Network, Planar, Sylvester
from latents.flows.gate import Gate
from latents.flows.householder import reflect, unit
from latents.flows.network import Lazy
from latents.flows.orthonormal import off_by, orthonormal
from latents.flows.planar import constrained
from latents.flows.sylvester import Columns, Ordered, Reflected, triangles
from latents.posteriors.iaf import IAF
from latents.posteriors.nice import NICE
from latents.priors.autoregressive import Autoregressive

BOTH_WAYS = ["householder", "nice", "iaf", "maf"]
KINDS = [*BOTH_WAYS, "planar", "orthogonal", "reflected", "ordered", "reversed"]


def stirred(module, by=0.7):
    """A network far from where it starts, in float64."""
    module = module.double()
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(by * torch.randn_like(weight) / weight.shape[-1] ** 0.5)
    return module


def make(kind, n, d, dtype=torch.float64):
    """A random map for each of n images, in d dimensions."""

    def normal(*shape):
        return torch.randn(n, *shape, dtype=dtype)

    def network(layer):
        return Network(stirred(Lazy(lambda: layer)).to(dtype), normal(16))

    if kind == "householder":
        return Householder(unit(normal(3, d)))
    if kind == "planar":
        w = normal(d)
        return Planar(constrained(2 * normal(d), w), w, normal())
    if kind == "nice":
        return network(NICE.map(NICE.Settings(hidden=(16,)), d, 0))
    if kind == "iaf":
        return network(IAF.map(IAF.Settings(hidden=(16,)), d, 1))
    if kind == "maf":
        prior = stirred(Autoregressive(Autoregressive.Settings(steps=1, hidden=(16,)), d, (1, 2, 2))).to(dtype)
        return prior().transforms[0]
    size = max(1, d - 1) if kind == "orthogonal" else d
    basis = {
        "orthogonal": lambda: Columns(orthonormal(normal(d, size))),
        "reflected": lambda: Reflected(Householder(unit(normal(2, d)))),
        "ordered": lambda: Ordered(False),
        "reversed": lambda: Ordered(True),
    }[kind]()
    return Sylvester(basis, *triangles(2 * normal(size, size), normal(size)), normal(size))


def log_det_of(f, z):
    """log |det df/dz| of the maps of n images at `z [n, d]`, by autograd."""
    found = []
    for place in range(len(z)):
        matrix = jacobian(lambda point, one=f[place : place + 1]: one.forward(point[None])[0][0], z[place])
        found.append(torch.linalg.slogdet(matrix).logabsdet)
    return torch.stack(found)


@pytest.mark.parametrize("kind", KINDS)
class TestEveryMap:
    @given(n=st.integers(1, 3), d=st.integers(2, 5))
    def test_log_determinant_is_the_jacobian_s(self, kind, n, d):
        f, z = make(kind, n, d), 1.5 * torch.randn(n, d, dtype=torch.float64)
        log_det = f.forward(z)[1].expand(n)
        assert_close(log_det.detach(), log_det_of(f, z), rtol=1e-8, atol=1e-8)
        if kind in ("householder", "nice"):
            assert (log_det == 0).all()
        else:
            assert (log_det != 0).any()  # the map does something

    def test_batches(self, kind):
        """S samples of each image, M points under each map: the same numbers as one at a time; one log-det a point."""
        f, z = make(kind, 3, 4), torch.randn(5, 3, 4, dtype=torch.float64)
        y, log_det = f.forward(z)
        assert y.shape == (5, 3, 4)
        log_det = log_det.expand(5, 3)
        for image in range(3):
            for sample in range(5):
                alone = f[image : image + 1].forward(z[sample, image][None])
                assert_close(y[sample, image], alone[0][0])
                assert_close(log_det[sample, image], alone[1].expand(1)[0])

    def test_indices_are_the_batch_s(self, kind):
        f, z = make(kind, 4, 3), torch.randn(4, 3, dtype=torch.float64)
        whole = f.forward(z)[0]
        for index in (slice(1, 3), torch.tensor([2, 0, 2])):
            assert_close(f[index].forward(z[index])[0], whole[index])

    def test_detached_it_passes_gradient_to_z_alone(self, kind):
        f = make(kind, 2, 3)
        z = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
        leaves = [leaf.requires_grad_() for leaf in tensors_of(f)]
        weights = list(f.network.parameters()) if isinstance(f, Network) else []
        y, log_det = f.detach().forward(z)
        assert_close(y, f.forward(z)[0])
        (y.square().sum() + log_det.sum()).backward()
        assert z.grad.abs().sum() > 0
        assert all(leaf.grad is None for leaf in [*leaves, *weights])
        (f.forward(z)[0].square().sum()).backward()
        assert all(leaf.grad is not None for leaf in [*leaves, *weights])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_dtype_is_kept(self, kind, dtype):
        y, log_det = make(kind, 2, 3, dtype).forward(torch.randn(2, 3, dtype=dtype))
        assert y.dtype == log_det.dtype == dtype


def tensors_of(record):
    values = vars(record).values()
    nested = [leaf for value in values if hasattr(value, "_each") for leaf in tensors_of(value)]
    return [value for value in values if isinstance(value, torch.Tensor)] + nested


class TestInverses:
    @pytest.mark.parametrize("kind", BOTH_WAYS)
    @given(n=st.integers(1, 3), d=st.integers(2, 5))
    def test_there_and_back(self, kind, n, d):
        f, z = make(kind, n, d), torch.randn(4, n, d, dtype=torch.float64)
        y, log_det = f.forward(z)
        back, same = f.inverse(y)
        assert_close(back, z, rtol=1e-9, atol=1e-9)
        assert_close(same.expand(4, n), log_det.expand(4, n))
        there, less = Inverse(f).forward(y)
        assert_close(there, z, rtol=1e-9, atol=1e-9)
        assert_close(less, -log_det)
        assert_close(Inverse(f).inverse(z)[0], y)
        assert_close(Inverse(f).inverse(z)[1], -log_det)

    @pytest.mark.parametrize("kind", ["householder", "nice", "iaf"])
    def test_points_under_each_of_the_maps(self, kind):
        f, y = make(kind, 3, 4), torch.randn(5, 1, 4, dtype=torch.float64)
        z, log_det = f.inverse(y)
        assert z.shape == (5, 3, 4)
        for image in range(3):
            one = f[image : image + 1].inverse(y[:, 0])
            assert_close(z[:, image], one[0])
            assert_close(log_det.expand(5, 3)[:, image], one[1].expand(5))

    @pytest.mark.parametrize("kind", ["planar", "ordered"])
    def test_without_one_it_says_what_to_do(self, kind):
        with pytest.raises(NotImplementedError, match=r"can score only its own samples.*rsample_and_log_prob"):
            make(kind, 2, 3).inverse(torch.randn(2, 3))


class TestReflections:
    def test_it_is_the_matrix(self):
        v, z = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
        matrix = torch.eye(5) - 2 * torch.einsum("ni,nj->nij", v, v) / v.square().sum(-1)[:, None, None]
        assert_close(reflect(z, unit(v)), (matrix @ z.unsqueeze(-1)).squeeze(-1))

    @pytest.mark.parametrize("size", [1e-38, 1e-25, 1e-13, 1e-11, 1e-4, 1.0, 1e10, 1e25, 1e38])
    def test_any_length_of_v(self, size):
        """Squares of tiny and huge vectors vanish or overflow; the map stays orthogonal and its gradient finite."""
        direction = torch.tensor([[0.3, -0.9, 0.1]])
        v = (size * direction).requires_grad_()
        n = unit(v)
        if size >= 1e-11:
            assert_close(n.detach(), direction / direction.norm())
        else:
            assert (n == 0).all()
        image = reflect(torch.eye(3), n)
        assert_close((image @ image.T).detach(), torch.eye(3))
        image.square().sum().add(image[0, 1]).backward()
        assert torch.isfinite(v.grad).all()

    def test_no_direction_at_all(self):
        v = torch.zeros(2, 3, requires_grad=True)
        reflect(torch.randn(2, 3), unit(v)).sum().backward()
        assert (unit(v) == 0).all()
        assert (v.grad == 0).all()


class TestPlanar:
    @given(st.integers(1, 6), st.floats(-8, 4), st.floats(-8, 4), st.sampled_from([torch.float32, torch.float64]))
    def test_u_is_constrained(self, d, log_u, log_w, dtype):
        """w^T u > -1, whatever u and w are, and only u's part along w is changed."""
        w = 10**log_w * torch.randn(20, d, dtype=dtype)
        u = 10**log_u * torch.randn(20, d, dtype=dtype)
        u[0], u[1] = -100 * w[0], 0
        found = constrained(u, w)
        assert torch.isfinite(found).all()
        product = (found.double() * w.double()).sum(-1)
        assert (product >= -1 - 16 * torch.finfo(dtype).eps * (u * w).abs().sum(-1)).all()
        assert (found[1] == 0).all()
        if dtype == torch.float64:
            direction = w / w.norm(dim=-1, keepdim=True)
            rest = (found - u) - ((found - u) * direction).sum(-1, keepdim=True) * direction
            assert rest.abs().max() <= 1e-10 * max(1, u.abs().max())

    def test_where_the_constraint_acts_the_map_stays_increasing(self):
        w = torch.tensor([[1.5, -0.5]], dtype=torch.float64)
        f = Planar(constrained(-20 * w, w), w, torch.zeros(1, dtype=torch.float64))
        along = torch.linspace(-4, 4, 801, dtype=torch.float64)[:, None, None] * w
        y = (f.forward(along)[0] * w).sum(-1)
        assert (y.diff(dim=0) > 0).all()
        raw = Planar(-20 * w, w, f.b).forward(along)[0]
        assert ((raw * w).sum(-1).diff(dim=0) < 0).any()  # without it, it is not

    def test_a_vanishing_w_moves_nothing_far(self):
        """With the paper's constraint, u grows as 1 / |w|."""
        u, w = torch.randn(5, 3), 1e-5 * torch.randn(5, 3)
        assert_close(constrained(u, w).norm(dim=-1) < 2 * u.norm(dim=-1), torch.ones(5, dtype=torch.bool))


class TestOrthonormal:
    @given(st.integers(1, 8), st.integers(1, 8), st.sampled_from([torch.float32, torch.float64]))
    def test_it_is_the_nearest_one(self, d, m, dtype):
        """The polar factor U V^T of the singular value decomposition."""
        a = torch.randn(2, 3, max(d, m), min(d, m), dtype=dtype)
        q = orthonormal(a)
        assert off_by(q).max() <= 20 * torch.finfo(dtype).eps * q.shape[-1]
        left, values, right = torch.linalg.svd(a.double(), full_matrices=False)
        slack = 1e2 * torch.finfo(dtype).eps * float((values[..., 0] / values[..., -1]).max())
        assert_close(q.double(), left @ right, rtol=0, atol=slack)

    def test_gradient(self):
        a = torch.randn(3, 5, 3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(orthonormal, (a,))

    def test_gradient_is_that_of_the_iterations(self):
        """In float32, against autograd through the iteration of the paper, in float64."""
        a = torch.randn(4, 6, 4)
        weights = torch.randn(4, 6, 4)
        slow = a.double().requires_grad_()
        q = slow / torch.linalg.matrix_norm(slow, keepdim=True)
        for _ in range(60):
            q = q @ (torch.eye(4) + 0.5 * (torch.eye(4) - q.mT @ q))
        (q * weights).sum().backward()
        fast = a.requires_grad_()
        (orthonormal(fast) * weights).sum().backward()
        assert_close(fast.grad.double(), slow.grad, rtol=1e-3, atol=1e-3)

    def test_ill_conditioned(self):
        a = torch.randn(50, 6, 4)
        a[..., 3] = a[..., 2] + 1e-5 * torch.randn(50, 6)
        assert off_by(orthonormal(a)).max() < 1e-5

    @pytest.mark.parametrize("columns", ["zero", "equal"])
    def test_where_there_is_no_nearest_one(self, columns):
        a = torch.randn(3, 5, 2)
        a[1] = 0 if columns == "zero" else a[1, :, :1]
        a.requires_grad_()
        q = orthonormal(a)
        assert off_by(q).max() < 1e-5
        (q * torch.randn_like(q)).sum().backward()
        assert torch.isfinite(a.grad).all()
        assert (a.grad[1] == 0).all()
        assert (a.grad[[0, 2]] != 0).all()


class TestSylvester:
    def test_one_unit_is_a_planar_map(self):
        d = 4
        w, r, b = torch.randn(3, d, dtype=torch.float64), torch.rand(3, dtype=torch.float64), torch.randn(3).double()
        length = w.norm(dim=-1, keepdim=True)
        sylvester = Sylvester(Columns((w / length).unsqueeze(-1)), r[:, None, None], length.unsqueeze(-1), b[:, None])
        planar = Planar(r[:, None] * w / length, w, b)
        z = torch.randn(7, 3, d, dtype=torch.float64)
        for found, expected in zip(sylvester.forward(z), planar.forward(z), strict=True):
            assert_close(found, expected)

    @pytest.mark.parametrize("kind", ["reflected", "ordered", "reversed"])
    def test_a_basis_is_the_matrix_it_stands_for(self, kind):
        f, z = make(kind, 2, 4), torch.randn(5, 2, 4, dtype=torch.float64)
        matrix = f.basis.out(torch.eye(4, dtype=torch.float64).unsqueeze(1).expand(4, 2, 4)).permute(1, 2, 0)
        assert_close(matrix.mT @ matrix, torch.eye(4, dtype=torch.float64).expand(2, 4, 4))
        same = Sylvester(Columns(matrix), f.r, f.r_tilde, f.b)
        for found, expected in zip(f.forward(z), same.forward(z), strict=True):
            assert_close(found, expected)

    def test_it_is_the_paper_s_update(self):
        """z' = z + Q R tanh(R~ Q^T z + b), with the z before the step inside tanh."""
        f, z = make("orthogonal", 2, 4), torch.randn(2, 4, dtype=torch.float64)
        for n in range(2):
            q, r, r_tilde = f.basis.q[n], f.r[n], f.r_tilde[n]
            assert_close(f.forward(z)[0][n], z[n] + q @ r @ torch.tanh(r_tilde @ q.T @ z[n] + f.b[n]))

    @pytest.mark.parametrize("size", [0.1, 1, 100])
    def test_triangles(self, size):
        r, r_tilde = triangles(size * torch.randn(50, 4, 4), size * torch.randn(50, 4))
        for matrix in (r, r_tilde):
            assert (matrix.tril(-1) == 0).all()
            assert (matrix.triu(1)[..., 0, 1] != 0).all()
        product = r.diagonal(dim1=-2, dim2=-1) * r_tilde.diagonal(dim1=-2, dim2=-1)
        assert (product > -1).all()
        assert torch.isfinite(torch.log1p(product)).all()


class TestGate:
    def test_open_it_is_the_identity_and_closed_it_is_m(self):
        x, m = torch.randn(6), torch.randn(6)
        assert_close(Gate(m, torch.full((6,), 60.0))(x), x)
        assert_close(Gate(m, torch.full((6,), -60.0))(x), 0.01 * x + 0.99 * m)

    def test_back_amplifies_at_most_a_hundredfold(self):
        gate = Gate(torch.randn(101), torch.linspace(-200, 200, 101))
        assert gate.log_abs_det_jacobian(torch.randn(101), torch.randn(101)).exp().min() >= 0.00999
        y = torch.randn(101)
        assert_close(gate(gate.inv(y)), y, rtol=1e-4, atol=1e-4)
