"""What can be done with a model before it is timed.

A further mode is one more function in ``MODES``.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ...arguments import suggest
from ...errors import UserError
from ...models.layers.layout import use_channels_last
from ...models.layers.packed import pack_layers


def keep(model: nn.Module) -> nn.Module:
    """Leave a model as it is built."""
    return model


def fuse(model: nn.Module) -> nn.Module:
    """Fold a backbone of this package for inference, in place."""
    part = find_foldable(model)
    if part is None:
        raise UserError(
            f'fused: {type(model).__name__} has nothing to fold, as backbones of this '
            'package have; time it as @eager or @compiled'
        )
    part.fuse()
    return model


def compile_with_autotuning(model: nn.Module) -> nn.Module:
    """Compile a model so that every kernel is the fastest of several that are tried.

    The first step takes many minutes; on a GPU, steps are replayed as CUDA graphs.
    """
    compiled: Any = torch.compile(model, mode='max-autotune')
    return compiled


def pack(model: nn.Module) -> nn.Module:
    """Give the linear layers and convolutions of any model oneDNN's layout, in place."""
    pack_layers(model)
    return model


def compile_model(model: nn.Module) -> nn.Module:
    """Compile a model with ``torch.compile``; its first step takes minutes."""
    compiled: Any = torch.compile(model)  # a module, as a module is given
    return compiled


def find_foldable(model: nn.Module) -> Any:
    """The model, or the backbone in it, if it has a method ``fuse``."""
    parts = (model, getattr(model, 'backbone', None))
    return next((part for part in parts if hasattr(part, 'fuse')), None)


#: Modes by name: functions that take a model in train or eval mode, on its device and in
#: its type, and return what is called instead.
MODES: dict[str, Callable[[nn.Module], nn.Module]] = {
    'eager': keep,
    'fused': fuse,
    'channels_last': use_channels_last,
    'packed': pack,
    'compiled': compile_model,
    'autotuned': compile_with_autotuning,
}
#: Modes whose models run as few operations, which nobody sees into.
COMPILING = frozenset({'compiled', 'autotuned'})
#: Modes after which a model cannot be trained.
INFERENCE_ONLY = frozenset({'fused', 'packed'})


def apply_mode(model: nn.Module, mode: str, training: bool) -> nn.Module:
    """Prepare a model.

    Args:
        model (nn.Module): The model.
        mode (str): A name in ``MODES``, or several, joined by '+' in their order.
        training (bool): Whether it will be trained.

    Returns:
        nn.Module: What to call.

    Raises:
        UserError: If a mode does not fit the model or its use.
    """
    for name in mode.split('+'):
        if training and name in INFERENCE_ONLY:
            raise UserError(f'{name}: for inference only; train it as @eager')
        model = MODES[name](model)
    return model


def split_mode(text: str) -> tuple[str, str | None]:
    """Split ``NAME@MODE``.

    Args:
        text (str): A model, with a mode or without.

    Returns:
        tuple[str, str | None]: The name, and the mode if there is one.

    Raises:
        UserError: If the mode is unknown.
    """
    name, at, mode = text.rpartition('@')
    if not at:
        return text, None
    check_mode(mode, text)
    return name, mode


def check_mode(mode: str, given: str) -> None:
    """Raise a UserError unless all parts of a mode are in ``MODES``."""
    for part in mode.split('+'):
        if part not in MODES:
            raise UserError(
                f'{given}: {part!r} is not a mode{suggest(part, MODES)}. Expected '
                f'{", ".join(MODES)}, or several joined by +, such as fused+compiled.'
            )


def default_mode(model: nn.Module, is_ours: bool, training: bool) -> str:
    """The mode of a model for which none is given: as this package would use it."""
    folds = is_ours and not training and find_foldable(model) is not None
    return 'fused' if folds else 'eager'
