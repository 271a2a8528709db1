"""Deformable convolution and RoIPool of the stand-in against mmcv's own, compiled.

The fixture ``compiled`` finds mmcv's operators; ``compile_mmcv_operators.py`` in this
folder compiles them in minutes. All buffers start from ones, so that what is added to and
what is overwritten agrees too.
"""

import pytest
import torch

from mmgroupmix.compat import mmcv_operators

from .compiled_mmcv import DEVICES, call, create_generators
from .test_roi_align_against_compiled_mmcv import random_regions

pytestmark = pytest.mark.compiled

DTYPES = [torch.float32, torch.float64]


def draw_geometry(generator):
    """A geometry by mmcv's names for both versions, and the sizes of the tensors."""

    def draw(low, high):
        return torch.randint(low, high, (2,), generator=generator).tolist()

    kernel, stride, padding, dilation = draw(1, 4), draw(1, 3), draw(0, 3), draw(1, 3)
    groups, offset_groups = (2 ** torch.tensor(draw(0, 3))).tolist()
    extents = [d * (k - 1) + 3 for k, d in zip(kernel, dilation)]
    size = [
        (e + 2 * p - d * (k - 1) - 1) // s + 1
        for e, k, s, p, d in zip(extents, kernel, stride, padding, dilation)
    ]
    taps = offset_groups * kernel[0] * kernel[1]
    shapes = dict(
        features=(2, 8, *extents),
        offset=(2, 2 * taps, *size),
        mask=(2, taps, *size),
        weight=(4, 8 // groups, *kernel),
        bias=(4,),
        output=(2, 4, *size),
    )
    pairs = dict(kernel=kernel, stride=stride, pad=padding, dilation=dilation)
    modulated = {f'{k}_{x}': n for k, v in pairs.items() for x, n in zip('hw', v)}
    pairs = dict(k=kernel, d=stride, pad=padding, dilation=dilation)
    plain = {f'{k}{x}': n for k, v in pairs.items() for x, n in zip('HW', v)}
    common = dict(group=groups, deformable_group=offset_groups)
    return {**plain, **common}, {**modulated, **common}, shapes


def draw_tensors(shapes, still, dtype, device, generator):
    """Random tensors; ``still`` offsets are whole numbers, also those on the edge."""
    tensors = {
        name: torch.randn(shape, generator=generator).to(device, dtype)
        for name, shape in shapes.items()
    }
    tensors['offset'] *= 2
    if still:
        tensors['offset'].round_()
    tensors['mask'].sigmoid_()
    return tensors


def run_plain(operators, geometry, tensors):
    features, weight, offset = (tensors[n] for n in ('features', 'weight', 'offset'))
    names = ('output', 'features', 'offset', 'weight')
    results = [torch.ones_like(tensors[name]) for name in names]
    output, *gradients = results
    none, step = features.new_empty(0), dict(im2col_step=2)
    call(
        operators.deform_conv_forward,
        *(features, weight, offset, output, none, none),
        **geometry,
        **step,
    )
    received = tensors['output'].clone()
    call(
        operators.deform_conv_backward_input,
        *(features, offset, received, *gradients[:2], weight, none),
        **geometry,
        **step,
    )
    call(
        operators.deform_conv_backward_parameters,
        *(features, offset, received, gradients[2], none, none),
        **geometry,
        scale=0.5,
        **step,
    )
    return results


def run_modulated(operators, geometry, tensors, biased):
    features, weight, bias, offset, mask = (
        tensors[n] for n in ('features', 'weight', 'bias', 'offset', 'mask')
    )
    results = [torch.ones_like(t) for t in (tensors['output'], features, weight)]
    bias = bias if biased else bias[:0]
    results += [torch.ones_like(t) for t in (bias, offset, mask)]
    none = features.new_empty(0)
    call(
        operators.modulated_deform_conv_forward,
        *(features, weight, bias, none, offset, mask, results[0], none),
        **geometry,
        with_bias=biased,
    )
    call(
        operators.modulated_deform_conv_backward,
        *(features, weight, bias, none, offset, mask, none, *results[1:]),
        tensors['output'].clone(),
        **geometry,
        with_bias=biased,
    )
    return results


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('still', [False, True], ids=['moving', 'whole offsets'])
def test_deformable_convolution_and_its_gradients_agree(still, dtype, device, compiled):
    tolerance = dict(rtol=1e-4, atol=1e-3) if dtype == torch.float32 else {}
    for generator in create_generators(100):
        plain, modulated, shapes = draw_geometry(generator)
        tensors = draw_tensors(shapes, still, dtype, device, generator)
        runs = [(run_plain, plain), (run_modulated, modulated, True)]
        for run, geometry, *biased in [*runs, (run_modulated, modulated, False)]:
            for expected, result in zip(
                run(compiled, geometry, tensors, *biased),
                run(mmcv_operators, geometry, tensors, *biased),
            ):
                torch.testing.assert_close(result, expected, **tolerance)


@pytest.mark.parametrize('device', DEVICES)
def test_offsets_larger_than_the_output_are_read_alike(device, compiled):
    """So mmdet's DyHead passes them."""
    for generator in create_generators(20):
        _, geometry, shapes = draw_geometry(generator)
        for name in ('offset', 'mask'):
            *images, height, width = shapes[name]
            shapes[name] = (*images, 2 * height, 2 * width)
        tensors = draw_tensors(shapes, False, torch.float64, device, generator)
        for expected, result in zip(
            run_modulated(compiled, geometry, tensors, True),
            run_modulated(mmcv_operators, geometry, tensors, True),
        ):
            read = result != 0  # what mmcv does not read keeps its value
            torch.testing.assert_close(result * read, expected * read)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize(
    'kind', ['inside', 'across the border', 'outside', 'without extent']
)
def test_roi_pool_and_its_gradient_agree(kind, dtype, device, compiled):
    for generator in create_generators(100):
        height, width = torch.randint(2, 30, (2,), generator=generator).tolist()
        scale = (1.0, 0.5, 1 / 16)[generator.initial_seed() % 3]
        features = torch.randn(2, 3, height, width, generator=generator).relu()
        extent = torch.tensor([width, height]) / scale
        rois = random_regions(kind, 5, extent, generator)
        size = torch.randint(1, 8, (2,), generator=generator).tolist()
        received = torch.randn(5, 3, *size, generator=generator)
        inputs = [t.to(device, dtype) for t in (features, rois, received)]
        arguments = dict(pooled_height=size[0], pooled_width=size[1], spatial_scale=scale)
        results = []
        for operators in (compiled, mmcv_operators):
            output = torch.zeros_like(inputs[2])
            cells = torch.zeros_like(output, dtype=torch.int)
            gradient = torch.ones_like(inputs[0])
            call(operators.roi_pool_forward, *inputs[:2], output, cells, **arguments)
            call(
                operators.roi_pool_backward,
                *(inputs[2], inputs[1], cells, gradient),
                **arguments,
            )
            results.append((output, cells, gradient))
        for expected, result in zip(*results):
            torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('method', [0, 1, 2])
def test_soft_nms_agrees(method, compiled):
    for generator in create_generators(50):
        corners = 50 * torch.rand(100, 2, generator=generator)
        sizes = 40 * torch.rand(100, 2, generator=generator)
        boxes = torch.cat([corners, corners + sizes], dim=1)
        scores = torch.rand(100, generator=generator)
        arguments = dict(
            iou_threshold=0.3, sigma=0.5, min_score=0.01, method=method, offset=0
        )
        results = []
        for operators in (compiled, mmcv_operators):
            dets = torch.zeros(100, 5)
            kept = operators.softnms(boxes, scores, dets, **arguments)
            results.append((kept, dets[: len(kept)]))
        (expected, expected_dets), (kept, dets) = results
        assert kept.tolist() == expected.tolist()
        torch.testing.assert_close(dets, expected_dets)
