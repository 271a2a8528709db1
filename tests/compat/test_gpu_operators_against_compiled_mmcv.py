"""Focal loss and deformable attention of the stand-in against mmcv's own, compiled.

mmcv computes them on GPUs only; ``compile_mmcv_operators.py`` in this folder compiles its
kernels for the CPU.
"""

import pytest
import torch

from mmgroupmix.compat import mmcv_operators

from .compiled_mmcv import DEVICES, call, create_generators

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('gamma, alpha', [(2.0, 0.25), (1.5, 0.375), (0.0, 0.5)])
def test_focal_loss_and_its_gradient_agree(gamma, alpha, weighted, device, compiled):
    for generator in create_generators(50):
        logits = 16 * torch.rand(40, 7, generator=generator, dtype=torch.float64) - 8
        # For background, class 7, mmcv's kernel would read a weight past the end.
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
        # In the loss mmcv computes the exponential in float32.
        torch.testing.assert_close(loss, expected_loss, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_deformable_attention_and_its_gradients_agree(dtype, device, compiled):
    for generator in create_generators(100):
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
