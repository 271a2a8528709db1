"""Activation checkpointing that leaves batch norm statistics as they would be without."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpoint_block(module: nn.Module, x: Tensor) -> Tensor:
    """``module(x)``, keeping nothing but x for the backward pass.

    PyTorch runs the module a second time in the backward pass, and batch norms in it
    would count the batch twice in their running statistics: the second run leaves them.
    """
    return checkpoint(
        module,
        x,
        use_reentrant=False,
        context_fn=lambda: (nullcontext(), frozen_statistics(module)),
    )


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Normalise by the batch, but leave the running statistics as they are."""
    norms = [
        (m, m.momentum, m.num_batches_tracked.clone())
        for m in module.modules()
        if isinstance(m, _BatchNorm) and m.track_running_stats and m.training
    ]
    for norm, _, _ in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum, count in norms:
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)
