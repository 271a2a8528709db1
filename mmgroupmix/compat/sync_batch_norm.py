"""SyncBN on a CPU: statistics of the whole batch over gloo.

Reason: PyTorch's ``SyncBatchNorm`` refuses tensors that are not on an accelerator, so a
distributed run on CPUs would train with other statistics than the one it tries out.

Remove when ``torch.nn.SyncBatchNorm`` accepts CPU tensors.
"""

from typing import Any

import torch
import torch.distributed as torch_distributed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class CPUSyncBatchNorm(_BatchNorm):
    """Batch norm with the statistics of all processes, on any device.

    Arguments, parameters and state dict are those of ``torch.nn.BatchNorm2d``. In
    training, mean and variance are those of the inputs of all processes together, which
    may have different sizes; in eval mode it does not differ from a batch norm.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f'expected at least 2D input, got {input.dim()}D input')

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, ...) over all dimensions but C and over all processes."""
        self._check_input_dim(input)
        if not (self.training and torch_distributed.is_initialized()):
            return super().forward(input)
        x = input.float()
        dims = [dim for dim in range(x.dim()) if dim != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        count = _sum_over_processes(x.new_tensor(x.numel() // x.shape[1]))
        if count <= 1:
            raise ValueError(
                'SyncBN: expected more than 1 value per channel in all processes '
                f'together when training, got input size {tuple(input.shape)}'
            )
        # Two passes: a variance from the mean of squares would lose digits.
        mean = _sum_over_processes(x.sum(dims)) / count
        centered = x - mean.view(shape)
        variance = _sum_over_processes(centered.square().sum(dims)) / count
        self._update_statistics(mean.detach(), variance.detach() * count / (count - 1))
        x = centered * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            x = x * self.weight.view(shape) + self.bias.view(shape)
        return x.to(input.dtype)

    def _update_statistics(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        # None means the average of all batches.
        momentum = self.momentum
        if momentum is None and self.num_batches_tracked is not None:
            momentum = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum or 0.0)
        self.running_var.lerp_(variance, momentum or 0.0)


def replace_sync_batch_norms(module: Any) -> nn.Module:
    """Replace every SyncBN, of PyTorch or mmcv, by :class:`CPUSyncBatchNorm`.

    Args:
        module (nn.Module): A model on a CPU, changed in place.

    Returns:
        nn.Module: The model; a new module if it is itself a SyncBN.
    """
    if any(parent.__name__ == 'SyncBatchNorm' for parent in type(module).__mro__):
        norm = CPUSyncBatchNorm(
            module.num_features,
            module.eps,
            module.momentum,
            module.affine,
            module.track_running_stats,
        )
        norm._parameters, norm._buffers = module._parameters, module._buffers
        return norm.train(module.training)
    for name, child in module.named_children():
        module._modules[name] = replace_sync_batch_norms(child)
    return module


def _sum_over_processes(x: Tensor) -> Tensor:
    return _AllReduce.apply(x)


class _AllReduce(torch.autograd.Function):
    """Sum over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        torch_distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gradient = gradients[0].contiguous().clone()
        torch_distributed.all_reduce(gradient)
        return gradient
