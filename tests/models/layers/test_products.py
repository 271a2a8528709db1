"""Matrix products by oneDNN equal those of PyTorch's BLAS."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmgroupmix.models.backbones import GroupMixFormer
from mmgroupmix.models.layers import products
from mmgroupmix.models.layers.products import measure, multiply, multiply_transposed
from mmgroupmix.models.layers.recomputation import Linear

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize('is_slow', [True, False])
@pytest.mark.parametrize('rows', [640, 639, 64, 63, 1])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_gradients_of_weights(is_slow, rows, dtype, monkeypatch):
    monkeypatch.setattr(products, 'is_blas_slow', lambda: is_slow)
    x, y = torch.randn(rows, 24, dtype=dtype), torch.randn(rows, 40, dtype=dtype)
    product = multiply_transposed(x, y)
    expected = torch.einsum('nd, nc -> dc', x.double(), y.double())
    assert product.dtype == dtype
    tolerance = 2e-2 if dtype == torch.bfloat16 else 1e-5
    assert (product - expected).norm() <= tolerance * expected.norm()


def test_products_with_transposed_weights_and_strides():
    weight, x = torch.randn(8, 12), torch.randn(2, 3, 16)[..., :8]
    torch.testing.assert_close(multiply(x, weight.mT), x @ weight, rtol=1e-5, atol=1e-5)
    bias = torch.randn(8)
    y = torch.randn(5, 12)
    torch.testing.assert_close(
        multiply(y, weight, bias), F.linear(y, weight, bias), rtol=1e-5, atol=1e-5
    )


def test_the_shortest_time_counts(monkeypatch):
    clock = iter([0.0, 4.0, 10.0, 11.0, 20.0, 23.0, 30.0, 32.0, 40.0, 45.0])
    monkeypatch.setattr(products.time, 'thread_time', lambda: next(clock))
    assert measure(lambda: None) == 1.0


def test_operations_are_counted_whichever_library_computes():
    model = GroupMixFormer(
        dict(embed_dims=(40, 40, 40, 40), depths=(1, 1, 1, 1), mlp_ratios=(2, 2, 2, 2))
    ).eval()
    image = torch.randn(1, 3, 64, 64)
    counts = []
    for enabled in (True, False):
        with torch.no_grad(), torch.backends.mkldnn.flags(enabled=enabled):
            with FlopCounterMode(display=False) as counter:
                model(image)
            counts.append(counter.get_total_flops())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        nn.Linear(3, 5)(torch.ones(7, 3))
    assert counter.get_total_flops() == 2 * 3 * 5 * 7
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize('trained', ['weight', 'bias'])
def test_parameters_have_gradients_whichever_library_computes(trained, monkeypatch):
    monkeypatch.setattr(products, 'is_blas_slow', lambda: True)
    linear = Linear(6, 4).requires_grad_(False)
    parameter = linear.get_parameter(trained).requires_grad_(True)
    x = torch.randn(5, 6)
    (gradient,) = torch.autograd.grad(linear(x).square().sum(), parameter)
    plain = F.linear(x, linear.weight, linear.bias).square().sum()
    torch.testing.assert_close(gradient, *torch.autograd.grad(plain, parameter))


def test_transforms_of_functions_see_the_product(monkeypatch):
    monkeypatch.setattr(products, 'is_blas_slow', lambda: True)
    linear, x = Linear(6, 4), torch.randn(6)
    jacobian = torch.func.jacrev(linear)(x)
    torch.testing.assert_close(jacobian, linear.weight.detach())
