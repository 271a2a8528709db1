"""The stand-in for mmcv's operators against mmcv's own, compiled, on random inputs.

They come from the installed mmcv where it has compiled operators, else from the module
that the environment variable ``MMCV_COMPILED_EXT`` names; ``compile_mmcv_operators.py``
beside this file makes one in minutes.
"""

import importlib
import itertools
import os
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest
import torch

from mmgroupmix.compat import mmcv_operators
from mmgroupmix.compat.mmcv_ext import StandInModule

pytestmark = pytest.mark.compiled
DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


@pytest.fixture(scope='module')
def compiled():
    """mmcv's compiled module, or one that holds the operators compared here."""
    try:
        installed = importlib.import_module('mmcv._ext')
    except ImportError:
        installed = None
    if installed is not None and not isinstance(installed, StandInModule):
        return installed
    path = os.environ.get('MMCV_COMPILED_EXT')
    if not path:
        pytest.skip(
            'no compiled mmcv: run compile_mmcv_operators.py, which is beside this test, '
            'and set MMCV_COMPILED_EXT to the path that it prints'
        )
    loader = ExtensionFileLoader('_ext', path)
    module = module_from_spec(spec_from_loader('_ext', loader))
    loader.exec_module(module)
    return module


def call(operator, *args, **kwargs):
    """Call it, or skip the test where mmcv has no kernel for the device."""
    try:
        return operator(*args, **kwargs)
    except RuntimeError as error:
        if 'implementation for device' not in str(error):
            raise
        pytest.skip(f'this mmcv: {error}')


def generators(number):
    return [torch.Generator().manual_seed(seed) for seed in range(number)]


# Non-maximum suppression


def random_boxes(kind, number, generator):
    """(N, 4) corners: of single objects, of groups of guesses, or of whole pixels."""

    def normal():
        return torch.randn(number, 2, generator=generator)

    def whole(low, high):
        size = (number, 2)
        return torch.randint(low, high, size, generator=generator).float()

    if kind == 'scattered':
        starts = 1000 * torch.rand(number, 2, generator=generator)
        extents = 1 + 200 * torch.rand(number, 2, generator=generator)
    elif kind == 'clustered':
        groups = max(1, number // 10)
        members = torch.randint(0, groups, (number,), generator=generator)
        centres = 1000 * torch.rand(groups, 2, generator=generator)
        sizes = 10 + 100 * torch.rand(groups, 2, generator=generator)
        starts = centres[members] + 5 * normal()
        extents = sizes[members] * (0.2 * normal()).exp()
    elif kind == 'whole pixels':  # many equal boxes, many IoUs equal to the threshold
        starts, extents = whole(0, 40), whole(1, 12)
    else:  # degenerate: no area, or corners in the wrong order
        starts, extents = whole(0, 20), whole(-3, 6)
    return torch.cat([starts, starts + extents], dim=1)


def distinct_scores(number, generator):
    return torch.randperm(number, generator=generator) / number


def both_kept(compiled, boxes, scores, threshold, offset=0):
    """Indices that mmcv keeps, and that the stand-in does."""
    arguments = dict(iou_threshold=threshold, offset=offset)
    expected = call(compiled.nms, boxes, scores, **arguments)
    kept = mmcv_operators.nms(boxes, scores, **arguments)
    assert kept.dtype == expected.dtype and kept.device == expected.device
    return expected.tolist(), kept.tolist()


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('kind', ['scattered', 'clustered'])
def test_nms_keeps_the_same_boxes_in_the_same_order(kind, offset, device, compiled):
    for threshold in (0.0, 0.1, 0.3, 0.45, 0.5, 0.6, 0.7, 0.9, 1.0):
        for number, generator in enumerate(generators(50), start=1):
            boxes = random_boxes(kind, 6 * number, generator).to(device)
            scores = distinct_scores(6 * number, generator).to(device)
            expected, kept = both_kept(compiled, boxes, scores, threshold, offset)
            assert kept == expected


# On a GPU mmcv multiplies by the union where torchvision divides by it, so that rounding
# decides otherwise about an IoU that equals the threshold.
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('kind', ['whole pixels', 'degenerate'])
def test_nms_agrees_at_the_threshold_and_on_degenerate_boxes(kind, offset, compiled):
    for threshold in (0.0, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 0.7, 0.75, 1.0):
        for number, generator in enumerate(generators(50), start=1):
            boxes = random_boxes(kind, 6 * number, generator)
            scores = distinct_scores(6 * number, generator)
            expected, kept = both_kept(compiled, boxes, scores, threshold, offset)
            assert kept == expected


def test_nms_takes_equal_scores_as_mmcv_does_ones_that_fall_with_the_index(compiled):
    """mmcv's sort leaves the order among equal scores open, and with it what is kept.

    The stand-in takes the first of them first. So mmcv must keep the same boxes where
    scores that decrease by index take the place of the equal ones.
    """
    for generator in generators(100):
        boxes = random_boxes('clustered', 200, generator)
        scores = torch.randint(0, 10, (200,), generator=generator) / 10
        ranks = torch.empty(200)
        ranks[scores.sort(descending=True, stable=True).indices] = torch.arange(200.0)
        expected = compiled.nms(boxes, -ranks, iou_threshold=0.5, offset=0)
        kept = mmcv_operators.nms(boxes, scores, iou_threshold=0.5, offset=0)
        assert kept.tolist() == expected.tolist()


def test_nms_of_equal_boxes_with_equal_scores_keeps_the_same_boxes(compiled):
    """Whichever of several equals stays: what comes out is the same."""
    for generator in generators(100):
        boxes = random_boxes('clustered', 60, generator).repeat(3, 1)
        scores = distinct_scores(60, generator).repeat(3)
        expected, kept = both_kept(compiled, boxes, scores, 0.5)
        torch.testing.assert_close(boxes[kept], boxes[expected], rtol=0, atol=0)


def test_nms_of_double_precision_keeps_what_mmcv_does_in_float32(compiled):
    """On a CPU mmcv takes float32 only; corners are exact in both."""
    for generator in generators(100):
        boxes = random_boxes('whole pixels', 100, generator)
        scores = distinct_scores(100, generator)
        expected = compiled.nms(boxes, scores, iou_threshold=0.55, offset=0)
        kept = mmcv_operators.nms(boxes.double(), scores.double(), 0.55, 0)
        assert kept.tolist() == expected.tolist()


@pytest.mark.parametrize('device', DEVICES)
def test_nms_of_no_boxes_agrees(device, compiled):
    nothing = torch.empty(0, 4, device=device), torch.empty(0, device=device)
    assert both_kept(compiled, *nothing, threshold=0.5) == ([], [])


# RoIAlign


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
    """Output, y and x of the maxima, gradient of the features."""
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
    # mmcv rounds the scale to float32, so that others than powers of 2 differ by 1e-8
    # in float64.
    scales = [1.0, 0.5, 1 / 16] + [0.3] * (dtype == torch.float32)
    cases = itertools.product(
        scales, (0, 1, 2), (True, False), ((7, 7), (3, 2), (1, 1)), generators(2)
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
            # Of a bin without samples mmcv gives what its search starts from: -10000 on
            # a CPU, -FLT_MAX on a GPU. The stand-in gives 0, as with 'avg'.
            expected[0][expected[0] <= -10000] = 0
        tolerance = dict(rtol=1e-4, atol=1e-4) if dtype == torch.float32 else {}
        if pool_mode == 1 and device == 'cpu':
            tolerance = dict(rtol=0, atol=0)
        for result, target in zip(results, expected):
            torch.testing.assert_close(result, target, **tolerance)


# What mmcv computes on GPUs only; `compile_mmcv_operators.py` runs its kernels on the CPU


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('gamma, alpha', [(2.0, 0.25), (1.5, 0.375), (0.0, 0.5)])
def test_focal_loss_and_its_gradient_agree(gamma, alpha, weighted, device, compiled):
    for generator in generators(50):
        logits = 16 * torch.rand(40, 7, generator=generator, dtype=torch.float64) - 8
        # For background, class 7, mmcv's kernel reads a weight past the end.
        target = torch.randint(0, 7 if weighted else 8, (40,), generator=generator)
        weight = torch.rand(7 * weighted, generator=generator, dtype=torch.float64)
        inputs = [tensor.to(device) for tensor in (logits, target, weight)]
        results = []
        for operators in (compiled, mmcv_operators):
            loss, gradient = (torch.empty_like(inputs[0]) for _ in range(2))
            call(
                operators.sigmoid_focal_loss_forward,
                *inputs,
                loss,
                gamma=gamma,
                alpha=alpha,
            )
            call(
                operators.sigmoid_focal_loss_backward,
                *inputs,
                gradient,
                gamma=gamma,
                alpha=alpha,
            )
            results.append((loss, gradient))
        (expected_loss, expected_gradient), (loss, gradient) = results
        # In the loss mmcv's exponential is one of float32.
        torch.testing.assert_close(loss, expected_loss, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_deformable_attention_and_its_gradients_agree(dtype, device, compiled):
    for generator in generators(100):
        levels, heads, channels, queries = torch.randint(
            1, 6, (4,), generator=generator
        ).tolist()
        shapes = torch.randint(1, 20, (levels, 2), generator=generator)
        cells = shapes.prod(dim=1)
        sizes = (2, queries, heads, levels, 4)
        inputs = [
            tensor.to(device, dtype)
            for tensor in (
                torch.randn(2, cells.sum(), heads, channels, generator=generator),
                1.6 * torch.rand(*sizes, 2, generator=generator) - 0.3,
                torch.rand(sizes, generator=generator),
            )
        ]
        value, locations, weights = inputs
        grad_output = torch.randn(2, queries, heads * channels, generator=generator)
        arguments = [
            value,
            shapes.to(device),
            (cells.cumsum(0) - cells).to(device),
            locations,
            weights,
        ]
        results = []
        for operators in (compiled, mmcv_operators):
            attended = call(operators.ms_deform_attn_forward, *arguments, im2col_step=64)
            gradients = [torch.zeros_like(tensor) for tensor in inputs]
            call(
                operators.ms_deform_attn_backward,
                *arguments,
                grad_output.to(attended),
                *gradients,
                im2col_step=64,
            )
            results.append([attended, *gradients])
        tolerance = dict(rtol=1e-4, atol=1e-3) if dtype == torch.float32 else {}
        for expected, result in zip(*results):
            torch.testing.assert_close(result, expected, **tolerance)
