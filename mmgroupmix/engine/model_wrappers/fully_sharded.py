"""Model wrapper that shards parameters, gradients and optimizer state over processes.

PyTorch's FSDP2: "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel"
(arXiv 2304.11277), in its second form, ``torch.distributed.fsdp.fully_shard``.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import broadcast
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from ...compat.sync_batch_norm import replace_sync_batch_norms
from ...errors import UserError
from ...registry import MODEL_WRAPPERS
from .sharded_states import accept_plain_states

#: Classes of blocks: what is computed with one gathering of parameters. Each is called
#: as a module, once per pass.
UNITS = (
    'MetaFormerBlock',
    'TokenEncoder',
    'BasicBlock',
    'Bottleneck',
    'SwinBlock',
    'TransformerEncoderLayer',
)


@MODEL_WRAPPERS.register_module()
class FullyShardedModel(nn.Module):
    """FSDP2 for mmengine's ``Runner``.

    Each process keeps its part of every parameter and of what the optimizer knows about
    it. A block's parameters are gathered when the block is computed; those outside of
    blocks, for the whole pass. Gradients are averaged over the processes, as by
    ``DistributedDataParallel``.

    The weights are initialised here, since a part of a tensor cannot be; and evaluation
    gathers the parameters once, so that processes may compute blocks different numbers of
    times (as a sliding window does).

    Args:
        module (nn.Module): The model, on its device.
        units (Sequence[str]): Names of the classes that are gathered one at a time;
            subclasses count. Defaults to ``UNITS``.

    Raises:
        UserError: If this torch has no FSDP2.
    """

    def __init__(self, module: Any, units: Sequence[str] = UNITS):
        super().__init__()
        try:
            from torch.distributed.device_mesh import init_device_mesh
            from torch.distributed.fsdp import fully_shard
        except ImportError as error:
            raise UserError(
                f'FSDP needs torch 2.6 or later, this is {torch.__version__}. Update it, '
                'or train without --fsdp.'
            ) from error
        if hasattr(module, 'init_weights'):
            module.init_weights()
        for tensor in module.state_dict().values():
            broadcast(tensor)
        device = next(module.parameters()).device.type
        if device == 'cpu':
            module = replace_sync_batch_norms(module)
        mesh = init_device_mesh(device, (torch.distributed.get_world_size(),))
        for part in find_units(module, units):
            fully_shard(part, mesh=mesh)
        fully_shard(module, mesh=mesh)
        self.module: Any = module
        accept_plain_states(self.module)

    def train(self, mode: bool = True) -> 'FullyShardedModel':
        """Set the mode; evaluation keeps the parameters gathered."""
        super().train(mode)
        for part in self.module.modules():
            if hasattr(part, 'set_reshard_after_forward'):
                part.set_reshard_after_forward(mode, recurse=False)
                part.reshard() if mode else part.unshard()
        return self

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """Compute losses and gradients of a batch and update; see mmengine's model."""
        return self.module.train_step(data, optim_wrapper)

    def val_step(self, data: Any) -> list:
        """Predict a batch of the validation."""
        return self.module.val_step(data)

    def test_step(self, data: Any) -> list:
        """Predict a batch of the test."""
        return self.module.test_step(data)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model."""
        return self.module(*args, **kwargs)


def find_units(module: nn.Module, units: Sequence[str]) -> list[nn.Module]:
    """The submodules of the named classes that have parameters, inner ones first."""
    found = [
        part
        for part in module.modules()
        if part is not module
        and any(parent.__name__ in units for parent in type(part).__mro__)
        and next(part.parameters(), None) is not None
    ]
    return found[::-1]
