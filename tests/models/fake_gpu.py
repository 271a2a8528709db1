"""Models on a GPU that need not exist: their tensors have a layout, but no values.

PyTorch's fake tensors say which operations run, on which layouts and in which precision.
An operation that brings a value back to the host, for which it would wait for the GPU,
raises ``DataDependentOutputException`` or ``DynamicOutputShapeException``.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from mmgroupmix.models.layers import depthwise, packed
from mmgroupmix.models.token_mixers import proxy_attention

#: Without a GPU, PyTorch's autograd cannot run on fake tensors of 'cuda'. Those of 'cpu'
#: take the same way through this package: its layers for CPUs want real tensors.
FORWARD_DEVICE, BACKWARD_DEVICE = 'cuda', 'cpu'


@contextmanager
def fake_gpu(dtype: torch.dtype | None = None) -> Iterator[None]:
    """Context manager: new tensors have no values, and may be on 'cuda'.

    Args:
        dtype (torch.dtype, optional): Type of mixed precision. Defaults to None.
    """
    kinds = (FORWARD_DEVICE, BACKWARD_DEVICE)
    enabled = dtype is not None
    with (
        FakeTensorMode(allow_non_fake_inputs=False),
        # It would refuse mixed precision on a GPU that is not there.
        patch('torch.cuda.amp.common.amp_definitely_not_available', return_value=False),
        patch('torch.cuda.is_bf16_supported', return_value=True),
        # What only a CPU, and only a GPU, does.
        patch.object(depthwise, 'NARROW', 99),
        patch.object(packed, 'make_dense_on_gpu', Tensor.contiguous),
        patch.object(proxy_attention, 'make_dense_on_gpu', Tensor.contiguous),
        torch.autocast(kinds[0], dtype, enabled=enabled),
        torch.autocast(kinds[1], dtype, enabled=enabled),
    ):
        yield


def move_to_fake_gpu(model: nn.Module, device: str) -> nn.Module:
    """Copy a model to the GPU of :func:`fake_gpu`, in which it has to be called."""
    tensors = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(
        model, {id(tensor): make_fake(tensor, device) for tensor in tensors}
    )


def make_fake(tensor: Tensor, device: str) -> Tensor:
    """Make a fake tensor of the shape, the layout and the type of another."""
    fake = torch.empty_strided(
        tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device
    )
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(fake, requires_grad=tensor.requires_grad)
    return fake
