"""The state of an optimizer in a checkpoint, compared with the optimizer that loads it.

PyTorch compares the sizes of the groups only. A state of another shape makes a fused
kernel write beyond the end of a tensor; one of another optimizer is kept and not used.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeGuard

from torch import Tensor
from torch.nn import Module
from torch.optim import Optimizer

from ..errors import CheckpointError
from .resuming import ADVICE

#: Settings of a group that versions of PyTorch or schedulers add: they name no optimizer.
_ADDED_SETTINGS = re.compile(
    r'params|param_names|(initial|max|min|base)_.+|foreach|maximize|fused|capturable|'
    r'differentiable|decoupled_weight_decay|.*_mult|momentum'
)
#: States that have the shape of their parameter in every optimizer.
_SHAPED_STATES = ('exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'momentum_buffer')


@contextmanager
def checked_optimizers(runner: Any, origin: str) -> Iterator[None]:
    """Compare every state that the optimizers of a runner load in this context.

    Args:
        runner (Runner): The runner that resumes.
        origin (str): The checkpoint, for the message.

    Raises:
        CheckpointError: If a state does not fit its optimizer; nothing is loaded then.
    """
    with ExitStack() as stack:
        for optimizer in list_optimizers(getattr(runner, 'optim_wrapper', None)):
            handle = optimizer.register_load_state_dict_pre_hook(
                lambda optimizer, state: check_optimizer_state(state, optimizer, origin)
            )
            stack.callback(handle.remove)
        yield


def list_optimizers(optim_wrapper: Any) -> list[Optimizer]:
    """The optimizers of a wrapper, of a dict of wrappers, or none of what is neither."""
    wrappers = getattr(optim_wrapper, 'optim_wrappers', None)
    wrappers = list(wrappers.values()) if isinstance(wrappers, dict) else [optim_wrapper]
    optimizers = (getattr(wrapper, 'optimizer', None) for wrapper in wrappers)
    return [optimizer for optimizer in optimizers if isinstance(optimizer, Optimizer)]


def list_parameter_names(model: Module, optimizer: Optimizer) -> list[str]:
    """The names of the parameters of an optimizer, in the order of its state."""
    names = {id(one): name for name, one in model.named_parameters()}
    groups = (group['params'] for group in optimizer.param_groups)
    return [names.get(id(one), '') for group in groups for one in group]


def regroup(state: dict, before: Any, names: Sequence[str], optimizer: Optimizer) -> bool:
    """Give a state the groups of an optimizer of the same parameters, in place.

    Another ``paramwise_cfg``, or other frozen stages, group them differently.

    Args:
        state (dict): What ``optimizer.state_dict()`` returned in the run before.
        before (Any): The names of its parameters then, as the checkpoint has them.
        names (Sequence[str]): What :func:`list_parameter_names` returns now.
        optimizer (Optimizer): The optimizer.

    Returns:
        bool: Whether the groups differed. The settings of the groups are then those of
        the optimizer.
    """
    sizes = [len(group['params']) for group in optimizer.param_groups]
    groups = state.get('param_groups')
    if not _is_list_of_groups(groups) or not isinstance(before, list):
        return False
    is_same = before == list(names) and [len(g['params']) for g in groups] == sizes
    indices = [index for group in groups for index in group['params']]
    if is_same or len(indices) != len(before) or sorted(before) != sorted(names):
        return False
    entries = dict(zip(before, map(state['state'].get, indices)))
    own = optimizer.state_dict()['param_groups']
    indices = [index for group in own for index in group['params']]
    moved = {index: entries[name] for index, name in zip(indices, names)}
    state['state'] = {index: entry for index, entry in moved.items() if entry is not None}
    state['param_groups'] = own
    return True


def check_optimizer_state(state: Any, optimizer: Optimizer, origin: str) -> None:
    """Check that a state is one of this optimizer and these parameters.

    Args:
        state (Any): What ``optimizer.state_dict()`` returned in the run before.
        optimizer (Optimizer): The optimizer that is about to load it.
        origin (str): The checkpoint, for the message.

    Raises:
        CheckpointError: If the kind of optimizer, the groups or a shape differs.
    """
    subject = f'Cannot resume from {origin}: its optimizer'
    groups = state.get('param_groups') if isinstance(state, Mapping) else None
    entries = state.get('state') if isinstance(state, Mapping) else None
    if not isinstance(entries, Mapping) or not _is_list_of_groups(groups):
        raise CheckpointError(f'{subject} holds no groups of parameters. {ADVICE}')
    check_kind(groups, optimizer, origin)
    sizes = [len(group['params']) for group in groups]
    expected = [len(group['params']) for group in optimizer.param_groups]
    if sizes != expected:
        raise CheckpointError(
            f'{subject} has {_format_sizes(sizes)}, that of this run '
            f'{_format_sizes(expected)}: the model, paramwise_cfg or the constructor of '
            f'the optimizer differs. {ADVICE}'
        )
    _check_shapes(groups, entries, optimizer, subject)


def check_kind(groups: Sequence[Mapping], optimizer: Optimizer, origin: str) -> None:
    """Check that the groups of a state have the settings of an optimizer of this kind.

    Raises:
        CheckpointError: If they do not.
    """
    saved, own = _name_settings(groups), _name_settings(optimizer.param_groups)
    if saved != own:
        raise CheckpointError(
            f'Cannot resume from {origin}: its optimizer has '
            f'{", ".join(sorted(saved - own)) or "fewer settings"}, and '
            f'{type(optimizer).__name__}, that of this run, has '
            f'{", ".join(sorted(own - saved)) or "not"}: they are of different kinds. '
            f'Give the optimizer of the earlier run. {ADVICE}'
        )


def _check_shapes(
    groups: Sequence[Mapping], entries: Mapping, optimizer: Optimizer, subject: str
) -> None:
    # Others keep what is factored or of another size, on purpose.
    is_plain = type(optimizer).__module__.startswith('torch.optim') and (
        type(optimizer).__name__ not in ('Adafactor', 'LBFGS', 'Muon')
    )
    for group, own in zip(groups, optimizer.param_groups):
        for index, parameter in zip(group['params'], own['params']):
            state = entries.get(index)
            for key, value in state.items() if isinstance(state, Mapping) else ():
                if not isinstance(value, Tensor) or value.dim() == 0:
                    continue
                if (is_plain or key in _SHAPED_STATES) and value.shape != parameter.shape:
                    raise CheckpointError(
                        f'{subject} keeps {key} of the shape {tuple(value.shape)} for '
                        f'a parameter of {tuple(parameter.shape)}: it belongs to '
                        f'another model. {ADVICE}'
                    )


def _is_list_of_groups(groups: Any) -> TypeGuard[Sequence[Mapping]]:
    return isinstance(groups, (list, tuple)) and all(
        isinstance(group, Mapping) and isinstance(group.get('params'), (list, tuple))
        for group in groups
    )


def _name_settings(groups: Sequence[Mapping]) -> set[str]:
    """The settings that tell one kind of optimizer from another."""
    names = {str(key) for group in groups[:1] for key in group}
    # `momentum` is added to the groups of an Adam by a momentum schedule.
    kind = {name for name in names if not _ADDED_SETTINGS.fullmatch(name)}
    return kind | ({'momentum'} & names if 'betas' not in names else set())


def _format_sizes(sizes: Sequence[int]) -> str:
    counts = ', '.join(map(str, sizes[:4])) + (', ...' if len(sizes) > 4 else '')
    groups = 'group' if len(sizes) == 1 else 'groups'
    return f'{len(sizes)} {groups} of {counts or "no"} parameters'
