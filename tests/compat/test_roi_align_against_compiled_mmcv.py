"""RoIAlign of the stand-in against mmcv's own, compiled, on random inputs.

The fixture ``compiled`` finds mmcv's operators; ``compile_mmcv_operators.py`` in this
folder compiles them in minutes.
"""

import itertools

import pytest
import torch

from mmgroupmix.compat import mmcv_operators

from .compiled_mmcv import DEVICES, call, create_generators

pytestmark = pytest.mark.compiled


def random_regions(kind, number, extent, generator):
    """(K, 5) regions of two images of ``extent`` (x, y) pixels."""
    images = torch.randint(0, 2, (number, 1), generator=generator)
    starts = extent * torch.rand(number, 2, generator=generator)
    sizes = 0.6 * extent * torch.rand(number, 2, generator=generator)
    if kind == 'across the border':
        starts = 1.6 * starts - 0.3 * extent
    elif kind == 'outside':
        starts = starts + 1.2 * extent
    elif kind == 'without extent':
        sizes = 0 * sizes
    elif kind == 'smaller than a cell':
        sizes = 0.02 * sizes
    elif kind == 'larger than the image':
        starts, sizes = 0 * starts - 1, 0 * sizes + extent + 2
    return torch.cat([images, starts, starts + sizes], dim=1)


def pool(operators, features, rois, grad_output, pool_mode, **arguments):
    """Pooled output, y and x of the maxima, and the gradient of the features."""
    maxima = grad_output.shape if pool_mode == 0 else 0
    output, argmax_y, argmax_x = (
        features.new_zeros(shape) for shape in (grad_output.shape, maxima, maxima)
    )
    gradient = torch.zeros_like(features)
    arguments.update(
        pool_mode=pool_mode, aligned_height=output.size(2), aligned_width=output.size(3)
    )
    call(
        operators.roi_align_forward,
        features,
        rois,
        output,
        argmax_y,
        argmax_x,
        **arguments,
    )
    call(
        operators.roi_align_backward,
        grad_output,
        rois,
        argmax_y,
        argmax_x,
        gradient,
        **arguments,
    )
    return [output, argmax_y, argmax_x, gradient]


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('pool_mode', [0, 1], ids=['max', 'avg'])
@pytest.mark.parametrize(
    'kind',
    [
        'inside',
        'across the border',
        'outside',
        'without extent',
        'smaller than a cell',
        'larger than the image',
    ],
)
def test_roi_align_and_its_gradient_agree(kind, pool_mode, dtype, device, compiled):
    # mmcv rounds the scale to float32: one that is not a power of 2 differs by 1e-8 in
    # float64.
    scales = [1.0, 0.5, 1 / 16] + [0.3] * (dtype == torch.float32)
    cases = itertools.product(
        scales, (0, 1, 2), (True, False), ((7, 7), (3, 2), (1, 1)), create_generators(2)
    )
    for scale, sampling_ratio, aligned, size, generator in cases:
        height, width = torch.randint(2, 30, (2,), generator=generator).tolist()
        features = torch.randn(2, 3, height, width, generator=generator)
        extent = torch.tensor([width, height]) / scale
        inputs = [
            tensor.to(device, dtype)
            for tensor in (
                features,
                random_regions(kind, 5, extent, generator),
                torch.randn(5, 3, *size, generator=generator),
            )
        ]
        arguments = dict(
            spatial_scale=scale,
            sampling_ratio=sampling_ratio,
            aligned=aligned,
            pool_mode=pool_mode,
        )
        expected = pool(compiled, *inputs, **arguments)
        results = pool(mmcv_operators, *inputs, **arguments)
        if pool_mode == 0:
            # A bin without samples holds the start value of mmcv's search, -10000 on a
            # CPU and -FLT_MAX on a GPU. In the stand-in it holds 0, as with 'avg'.
            expected[0][expected[0] <= -10000] = 0
        tolerance = dict(rtol=1e-4, atol=1e-4) if dtype == torch.float32 else {}
        if pool_mode == 1 and device == 'cpu':  # sums in the same order
            tolerance = dict(rtol=0, atol=0)
        for result, target in zip(results, expected):
            torch.testing.assert_close(result, target, **tolerance)
