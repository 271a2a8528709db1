"""Mixed precision in bfloat16, on a CPU too.

mmengine's ``AmpOptimWrapper`` refuses to run without an accelerator and scales the loss,
which bfloat16, with the range of float32, does not need.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from torch import nn

from ...registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """``OptimWrapper`` whose forward pass computes in bfloat16 where that is safe.

    Parameters, gradients and the optimizer stay in float32. Arguments are those of
    mmengine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of the forward pass: autocast, and no needless synchronisation.

        Args:
            model (nn.Module): The model.
        """
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
