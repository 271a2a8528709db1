"""Sigmoid focal loss of the stand-in, against autograd of the plain formula."""

import pytest
import torch

from mmgroupmix.compat import mmcv_operators

DEVICES = ['cpu', pytest.param('cuda', marks=pytest.mark.gpu)]


def plain_focal_loss(logits, target, gamma, alpha, weight=None):
    """The loss of every logit by Lin et al., equation 5."""
    classes = torch.arange(logits.size(1), device=logits.device)
    positive = (target[:, None] == classes).to(logits.dtype)
    p = logits.sigmoid()
    p_t = p * positive + (1 - p) * (1 - positive)
    alpha_t = alpha * positive + (1 - alpha) * (1 - positive)
    loss = -alpha_t * (1 - p_t) ** gamma * p_t.log()
    if weight is not None:
        padded = torch.cat([weight, weight.new_ones(1)])
        loss = loss * padded[target][:, None]
    return loss


def create_example(device='cpu', classes=5):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(12, classes, generator=generator, dtype=torch.float64)
    target = torch.arange(12) % (classes + 1)  # the last one is background
    weight = torch.rand(classes, generator=generator, dtype=torch.float64)
    return logits.to(device), target.to(device), weight.to(device)


@pytest.mark.smoke
@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('reduction', ['none', 'sum', 'mean'])
def test_loss_and_gradient_equal_the_plain_formula(reduction, weighted, device):
    ops = pytest.importorskip('mmcv.ops', reason='mmcv is not installed')
    logits, target, weight = create_example(device)
    logits.requires_grad_()
    weight = weight if weighted else None
    expected = plain_focal_loss(logits, target, 1.5, 0.3, weight)
    if reduction != 'none':
        expected = expected.sum() / (len(logits) if reduction == 'mean' else 1)
    loss = ops.sigmoid_focal_loss(logits, target, 1.5, 0.3, weight, reduction)
    torch.testing.assert_close(loss, expected)

    cotangent = torch.randn_like(expected)
    (expected_gradient,) = torch.autograd.grad(expected, logits, cotangent)
    (gradient,) = torch.autograd.grad(loss, logits, cotangent)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_the_full_result_rounded(dtype, device):
    logits, target, _ = create_example(device)
    logits = logits.to(dtype)
    output, gradient = torch.empty_like(logits), torch.empty_like(logits)
    none = logits.new_empty(0)
    mmcv_operators.sigmoid_focal_loss_forward(
        logits, target, none, output, gamma=2.0, alpha=0.25
    )
    mmcv_operators.sigmoid_focal_loss_backward(
        logits, target, none, gradient, gamma=2.0, alpha=0.25
    )
    full = logits.float().requires_grad_()
    expected = plain_focal_loss(full, target, 2.0, 0.25)
    (expected_gradient,) = torch.autograd.grad(expected.sum(), full)
    tolerance = dict(rtol=torch.finfo(dtype).eps, atol=1e-6)
    torch.testing.assert_close(output.float(), expected, **tolerance)
    torch.testing.assert_close(gradient.float(), expected_gradient, **tolerance)


def test_extreme_logits_give_finite_losses_and_gradients():
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]])
    target = torch.tensor([0, 0])
    output, gradient = torch.empty_like(logits), torch.empty_like(logits)
    none = logits.new_empty(0)
    mmcv_operators.sigmoid_focal_loss_forward(
        logits, target, none, output, gamma=2.0, alpha=0.25
    )
    mmcv_operators.sigmoid_focal_loss_backward(
        logits, target, none, gradient, gamma=2.0, alpha=0.25
    )
    torch.testing.assert_close(output, torch.tensor([[0.0, 0.0], [50.0, 150.0]]))
    torch.testing.assert_close(gradient, torch.tensor([[0.0, 0.0], [-0.25, 0.75]]))


def test_no_logits_give_an_empty_loss():
    logits, target = torch.empty(0, 5), torch.empty(0, dtype=torch.long)
    output = torch.empty_like(logits)
    mmcv_operators.sigmoid_focal_loss_forward(
        logits, target, logits.new_empty(0), output, gamma=2.0, alpha=0.25
    )
    assert output.shape == (0, 5)
