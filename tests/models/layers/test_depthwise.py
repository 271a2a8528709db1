"""Gradients of wide depthwise kernels by columns: against those of PyTorch."""

import pytest
import torch
import torch.nn.functional as F

from mmgroupmix.models.layers.depthwise import (
    differentiate_depthwise,
    prefers_columns,
)
from mmgroupmix.models.layers.layout import to_map

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize('kernel', [(5, 5), (7, 7), (3, 7), (7, 9)])
@pytest.mark.parametrize('width', [5, 12])
def test_gradients_by_columns_are_those_of_the_convolution(kernel, width):
    # In float64, maps of any size take this way.
    maps = to_map(torch.randn(2, 6, width, 4, dtype=torch.float64)).requires_grad_()
    kernels = torch.randn(4, 1, *kernel, dtype=torch.float64, requires_grad=True)
    assert prefers_columns(maps, kernels)
    padding = tuple(side // 2 for side in kernel)
    output = F.conv2d(maps, kernels, padding=padding, groups=4)
    grad = torch.randn_like(output)
    expected = torch.autograd.grad(output, (maps, kernels), grad)
    with torch.no_grad():
        grads = differentiate_depthwise(grad, maps, kernels, (1, 1), (True, True))
    torch.testing.assert_close(grads, [*expected], rtol=1e-12, atol=1e-12)
