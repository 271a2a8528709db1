"""Plain state dicts of a model and an optimizer that FSDP has sharded, and the reverse.

A checkpoint of a sharded run then has the names, shapes and layout of one by a single
process.
"""

from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn


def is_sharded(model: nn.Module) -> bool:
    """Whether a model has parameters that FSDP has sharded."""
    return any(hasattr(parameter, 'full_tensor') for parameter in model.parameters())


def gather_model_state(model: nn.Module) -> dict[str, Tensor]:
    """Gather the full state dict of a sharded model; all processes must call it.

    Args:
        model (nn.Module): The model, without its wrapper.

    Returns:
        dict[str, Tensor]: On the first process the state dict on the CPU, with the keys
        and shapes of the model before it was sharded; on the others an empty one.
    """
    state = model.state_dict()
    gathered = {key: _gather(value) for key, value in state.items()}
    return {key: value for key, value in gathered.items() if value is not None}


def gather_optimizer_state(optim_wrapper: OptimWrapper) -> dict[str, Any]:
    """Gather the full state of an optimizer; all processes must call it.

    Args:
        optim_wrapper (OptimWrapper): mmengine's wrapper of the optimizer of a sharded
            model.

    Returns:
        dict: On the first process what ``optim_wrapper.state_dict()`` would be for a
        model that is not sharded, on the CPU; on the others without the tensors.
    """
    state = dict(optim_wrapper.state_dict())
    state['state'] = {
        index: {key: _gather(value) for key, value in entries.items()}
        for index, entries in state['state'].items()
    }
    return state


def accept_plain_states(model: nn.Module) -> None:
    """Let ``load_state_dict`` of a sharded model take plain tensors as well, in place.

    Every process loads the whole file and keeps its own shards.

    Args:
        model (nn.Module): The model, without its wrapper.
    """

    def shard(module: nn.Module, state_dict: dict, prefix: str, *_: Any) -> None:
        for name, parameter in module.named_parameters(recurse=False):
            key = prefix + name
            if key in state_dict:
                state_dict[key] = _shard_like(parameter, state_dict[key])

    for module in model.modules():
        # The last one registered runs last: after those that rename keys.
        module.register_load_state_dict_pre_hook(shard)


def accept_plain_optimizer_states(optimizer: torch.optim.Optimizer) -> None:
    """Let ``load_state_dict`` of its optimizer take plain tensors as well, in place.

    Args:
        optimizer (torch.optim.Optimizer): The optimizer of a sharded model.
    """

    def shard(optimizer: torch.optim.Optimizer, state_dict: dict) -> dict:
        parameters: dict[int, Tensor] = {}
        for saved, group in zip(state_dict['param_groups'], optimizer.param_groups):
            parameters.update(zip(saved['params'], group['params']))
        states = {
            index: {
                key: _shard_like(parameters[index], value)
                if index in parameters
                else value
                for key, value in entries.items()
            }
            for index, entries in state_dict['state'].items()
        }
        return dict(state_dict, state=states)

    optimizer.register_load_state_dict_pre_hook(shard)


def _gather(value: Any) -> Any:
    """The full tensor on the CPU of the first process, None on the others."""
    if hasattr(value, 'full_tensor'):
        value = value.full_tensor()
    if torch.distributed.get_rank() != 0:
        return None
    return value.detach().cpu() if isinstance(value, Tensor) else value


def _shard_like(parameter: Any, value: Any) -> Any:
    """The shard of a plain tensor that belongs to this process.

    What has another shape, such as a step counter, stays as it is.
    """
    sharded = hasattr(parameter, 'full_tensor')
    if not sharded or not isinstance(value, Tensor) or hasattr(value, 'full_tensor'):
        return value
    if value.shape != parameter.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    mesh = parameter.device_mesh
    # No process sends anything: all have loaded the same file.
    return distribute_tensor(
        value.to(parameter.device), mesh, parameter.placements, src_data_rank=None
    )
