"""A step on a GPU never waits for a value: the host only gives orders."""

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException
from torch.utils._python_dispatch import TorchDispatchMode

from mmgroupmix.apis.benchmarking.passes import compute_loss, iter_tensors

from .fake_gpu import BACKWARD_DEVICE, FORWARD_DEVICE, fake_gpu, move_to_fake_gpu
from .gpu_models import BASIC, MODELS

#: All types for one model of a kind, float16 for its variants.
CASES = [
    pytest.param(*MODELS[name], dtype, id=f'{name}-{dtype}')
    for name in MODELS
    for dtype in (None, torch.bfloat16, torch.float16)
    if name in BASIC or dtype is torch.float16
]
step = pytest.mark.parametrize(('build', 'shape', 'dtype'), CASES)


class TransferLog(TorchDispatchMode):
    """Records operations whose tensors are on several devices."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        outputs = operation(*args, **(kwargs or {}))
        tensors = [*iter_tensors(args), *iter_tensors(outputs)]
        # Numbers, tensors without dimensions, are arguments of kernels.
        if len({tensor.device.type for tensor in tensors if tensor.dim()}) > 1:
            self.operations.append(str(operation))
        return outputs


def list_transfers(
    model: nn.Module, shape: tuple[int, ...], dtype: torch.dtype | None
) -> list[str]:
    """Run a forward pass on the GPU and list the transfers; others raise."""
    with fake_gpu(dtype):
        model = move_to_fake_gpu(model, FORWARD_DEVICE)
        with TransferLog() as log:
            outputs = [*iter_tensors(model(torch.empty(shape, device=FORWARD_DEVICE)))]
    assert outputs and all(output.device.type == 'cuda' for output in outputs)
    return log.operations


@step
def test_training_does_not_synchronize_forward(build, shape, dtype):
    assert list_transfers(build().train(), shape, dtype) == []


@step
def test_training_does_not_synchronize_backward(build, shape, dtype):
    model = build().train()
    with fake_gpu(dtype):
        model = move_to_fake_gpu(model, BACKWARD_DEVICE)
        outputs = model(torch.empty(shape, device=BACKWARD_DEVICE))
        compute_loss(outputs).backward()
    assert all(isinstance(p.grad, Tensor) for p in model.parameters() if p.requires_grad)


@step
def test_inference_does_not_synchronize(build, shape, dtype):
    model = build().eval()
    with torch.inference_mode():
        assert list_transfers(model, shape, dtype) == []


@step
def test_folded_inference_does_not_synchronize(build, shape, dtype):
    model = build().eval()
    if not hasattr(model, 'fuse'):
        pytest.skip('nothing to fold')
    model.fuse()
    with torch.inference_mode():
        assert list_transfers(model, shape, dtype) == []


@pytest.mark.parametrize('device', [FORWARD_DEVICE, BACKWARD_DEVICE])
def test_fake_gpu_reports_a_synchronization(device):
    with fake_gpu(), pytest.raises(DataDependentOutputException):
        float(torch.empty((), device=device))


def test_transfer_log_reports_a_transfer():
    with fake_gpu(), TransferLog() as log:
        torch.empty(3).to('cuda')
    assert len(log.operations) == 1
