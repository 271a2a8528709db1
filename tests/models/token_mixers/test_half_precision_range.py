"""Mixed precision on the tokens of an image of 1333 x 800 stays in float16's range.

Stage 0 has 66800 tokens there: sums over them, as in k^T v, pass 65504 although every
token is of ordinary size, and the shares of a softmax fall below the smallest normal
number, 6e-5.
"""

import copy

import pytest
import torch
from torch import Tensor, nn

from mmgroupmix.models import (
    ExternalAttention,
    GroupMixAttention,
    MultiHeadExternalAttention,
)
from mmgroupmix.models.blocks.performer import TokenPerformer

SIZE = (800 // 4, 1336 // 4)
#: Layer norms of segments have a fifth of these channels: over two, it is a mere sign, in
#: which the rounding of bfloat16 shows.
DIM = 20
#: What mmengine's gradient scaler starts with.
LOSS_SCALE = 2.0**16
MIXERS = {
    'group_mix_attention': lambda: GroupMixAttention(DIM),
    'external_attention': lambda: ExternalAttention(DIM, 8),
    'softmax_attention': lambda: ExternalAttention(DIM, 8, norm='softmax'),
    'multi_head': lambda: MultiHeadExternalAttention(DIM, 2, 8, 2),
    'performer': lambda: TokenPerformer(DIM, 16),
}


def build(name: str) -> nn.Module:
    """Build a mixer whose weights all matter."""
    torch.manual_seed(0)
    mixer = MIXERS[name]()
    for parameter in mixer.parameters():
        if parameter.dim() > 1:
            fan_in = parameter[0].numel()
            nn.init.normal_(parameter, std=fan_in**-0.5)
    return mixer


def make_tokens() -> Tensor:
    """Tokens of stage 0 with a mean, (1, 200, 334, C)."""
    generator = torch.Generator().manual_seed(0)
    return 1 + torch.randn(1, *SIZE, DIM, generator=generator)


def compute(
    mixer: nn.Module, x: Tensor, dtype: torch.dtype
) -> tuple[Tensor, list[Tensor]]:
    """Compute output and gradients of a scaled loss, in mixed precision of a type."""
    x = x.clone().requires_grad_()
    with torch.autocast('cpu', dtype):
        mixed = mixer(x)
    loss = LOSS_SCALE * mixed.float().square().mean()
    return mixed.detach(), list(torch.autograd.grad(loss, [x, *mixer.parameters()]))


def test_plain_product_of_keys_and_values_overflows():
    tokens = make_tokens().flatten(1, 2)
    exact = tokens.mT @ tokens
    assert exact.isfinite().all()
    assert exact.half().isinf().any()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('name', MIXERS)
def test_mixed_precision_is_close_to_double(name, dtype):
    mixer, x = build(name), make_tokens()
    expected = copy.deepcopy(mixer).double()(x.double())
    mixed, grads = compute(mixer, x, dtype)
    assert mixed.isfinite().all()
    assert (mixed - expected).norm() <= 2e-2 * expected.norm()
    assert all(grad.isfinite().all() for grad in grads)
    assert grads[0].any()
