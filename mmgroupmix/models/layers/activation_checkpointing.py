"""Activation checkpointing that updates batch norm statistics only once per batch."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpoint_block(module: nn.Module, x: Tensor) -> Tensor:
    """Compute ``module(x)`` and keep only x for the backward pass.

    PyTorch runs the module a second time in the backward pass. Its batch norms would then
    count the batch twice in their running statistics; here, the second run leaves the
    statistics alone. A compiled graph updates them once by itself.
    """
    if torch.compiler.is_compiling():
        return checkpoint(module, x, use_reentrant=False)
    return checkpoint(
        module,
        x,
        use_reentrant=False,
        context_fn=lambda: (nullcontext(), freeze_statistics(module)),
    )


@contextmanager
def freeze_statistics(module: nn.Module) -> Iterator[None]:
    """Context manager: batch norms use the batch, but do not update their statistics."""
    norms = [
        m
        for m in module.modules()
        if isinstance(m, _BatchNorm) and m.track_running_stats and m.training
    ]
    momenta = [norm.momentum for norm in norms]
    counters = [norm.get_buffer('num_batches_tracked') for norm in norms]
    counts = [counter.clone() for counter in counters]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, counter, count in zip(norms, momenta, counters, counts):
            norm.momentum = momentum
            counter.copy_(count)
