"""Whether images have the channels that a model takes: what it does with each number."""

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from ..checks import format_skip_hint, get_skipped_checks
from ..errors import UserError

#: Images with more channels than these (and the backbone's own number) are not tried.
TRIED_CHANNELS = range(1, 9)
#: The arguments by which backbones of the toolboxes name the channels of the image.
ARGUMENTS = ('in_channels', 'in_chans', 'input_channels')
SIDE = 8


class ChannelMismatchError(UserError):
    """Images with another number of channels than the model takes."""


class ChannelCheck:
    """Compares the channels of images with those that a model takes.

    What the data preprocessor makes of a number of channels is tried, not assumed: some
    expand a grey image by three means, some drop a fourth channel. The results are kept,
    so that a check can be sent to the workers of a data loader.

    Args:
        model (nn.Module): A model of mmseg, mmdet or mmpretrain; of anything else,
            nothing is checked.
        cfg (Mapping): The config of the run, which may leave this check out.
        hint (str): The end of a message. Defaults to how the check is left out.
    """

    def __init__(
        self,
        model: Any,
        cfg: Mapping,
        hint: str = format_skip_hint('channels'),
    ):
        self.hint = hint
        self.in_channels: int | None = None
        self.outcomes: dict[int, int | str | None] = {}
        model_cfg = cfg.get('model')
        if not isinstance(model, nn.Module) or not isinstance(model_cfg, Mapping):
            return
        if 'channels' in get_skipped_checks(cfg):
            return
        model, model_cfg = _unwrap(model, model_cfg)
        kind = type(getattr(model, 'backbone', None))
        self.in_channels = find_in_channels(kind, model_cfg.get('backbone') or {})
        numbers = {*TRIED_CHANNELS, self.in_channels or 3}
        preprocessor = getattr(model, 'data_preprocessor', None)
        self.outcomes = try_preprocessor(preprocessor, sorted(numbers))
        self.settings = describe_preprocessor(
            model_cfg.get('data_preprocessor') or cfg.get('data_preprocessor')
        )

    def find_problem(self, num_channels: int) -> str | None:
        """Say why a model cannot take images of so many channels, and what to do.

        Args:
            num_channels (int): Channels of what a pipeline returns.

        Returns:
            str | None: None if it can, or if that is not known.
        """
        outcome = self.outcomes.get(num_channels, num_channels)
        if outcome is None or (self.in_channels is None and isinstance(outcome, int)):
            return None
        if outcome == self.in_channels:
            return None
        taken = '' if self.in_channels is None else f'in_channels={self.in_channels}'
        if isinstance(outcome, str):
            reason = f'{self.settings} fails on them ({outcome})'
        elif outcome != num_channels:
            reason = f'{self.settings} makes {count_channels(outcome)} of them'
        else:
            reason = ''
        if taken:
            reason += f'{", and " * bool(reason)}the backbone has {taken}'
        return f'{reason}. {self._advise(num_channels)}'

    def _advise(self, num_channels: int) -> str:
        if num_channels == self.in_channels or self.in_channels is None:
            return (
                'In data_preprocessor, set bgr_to_rgb (to_rgb) to False, and mean and '
                'std to one number each or to None; for numbers of each channel, add '
                "dict(type='Normalize', mean=[...], std=[...], to_rgb=False) to the "
                'pipelines.'
            )
        flag = {1: 'grayscale', 3: 'color'}.get(self.in_channels, 'unchanged')
        return (
            f"Set color_type='{flag}' in LoadImageFromFile of all pipelines, or "
            f'in_channels={num_channels} in the backbone.'
        )

    def check(self, results: Any, place: str) -> None:
        """Check what a pipeline returns.

        Args:
            results (Any): A sample; nothing but a dict with 'inputs' is checked.
            place (str): Where the image comes from, for the message.

        Raises:
            ChannelMismatchError: If the model cannot take it.
        """
        inputs = results.get('inputs') if isinstance(results, Mapping) else None
        if isinstance(inputs, (list, tuple)) and inputs:  # views of one image
            inputs = inputs[0]
        if not isinstance(inputs, Tensor) or inputs.dim() != 3:
            return
        problem = self.find_problem(len(inputs))
        if problem:
            raise ChannelMismatchError(
                f'{place} comes out of its pipeline with {count_channels(len(inputs))}: '
                f'{problem} {self.hint}'.rstrip()
            )


def find_in_channels(kind: Any, cfg: Mapping) -> int | None:
    """Find the channels of the image that a backbone takes.

    Args:
        kind (Callable): Its class, or a function that builds it; else ignored.
        cfg (Mapping): Its config.

    Returns:
        int | None: The argument of the config or the default of the class; None if it
        has no such argument.
    """
    try:
        parameters: Mapping = inspect.signature(kind).parameters
    except (TypeError, ValueError):
        parameters = {}
    for name in ARGUMENTS:
        default = parameters[name].default if name in parameters else None
        number = cfg.get(name, default)
        if type(number) is int:
            return number
    return None


def try_preprocessor(
    preprocessor: nn.Module | None, numbers: list[int]
) -> dict[int, int | str | None]:
    """Try what a data preprocessor makes of images with some numbers of channels.

    Args:
        preprocessor (nn.Module | None): That of a model.
        numbers (list[int]): Numbers of channels.

    Returns:
        dict[int, int | str | None]: For each number the channels that it makes of them,
        or what it raises; None if it fails on any image, which may have other reasons.
    """
    if preprocessor is None:
        return {}
    copied = copy.deepcopy(preprocessor).to('cpu')
    outcomes: dict[int, int | str | None] = {}
    for number in numbers:
        data = dict(
            inputs=[torch.zeros(number, SIDE, SIDE, dtype=torch.uint8)],
            data_samples=[BaseDataElement(metainfo=dict(img_shape=(SIDE, SIDE)))],
        )
        try:
            inputs = copied(data, False)['inputs']
            outcomes[number] = inputs.shape[1] if inputs.dim() == 4 else None
        except Exception as error:
            outcomes[number] = ' '.join(str(error).split())[:150] or type(error).__name__
    if all(isinstance(outcome, str) for outcome in outcomes.values()):
        return dict.fromkeys(numbers)
    return outcomes


def describe_preprocessor(cfg: Any) -> str:
    """Name a data preprocessor and its settings that depend on channels."""
    if not isinstance(cfg, Mapping):
        return 'data_preprocessor'
    names = ('mean', 'std', 'bgr_to_rgb', 'rgb_to_bgr', 'to_rgb')
    shown = [f'{name}={cfg[name]}' for name in names if cfg.get(name)]
    return f'data_preprocessor ({", ".join(shown)})' if shown else 'data_preprocessor'


def count_channels(number: int) -> str:
    """'1 channel' or '4 channels'."""
    return f'{number} channel' + 's' * (number != 1)


def _unwrap(model: Any, cfg: Mapping) -> tuple[Any, Mapping]:
    """The model inside those for several processes and for test-time augmentation."""
    if is_model_wrapper(model):
        model = model.get_submodule('module')
    inner = getattr(model, 'module', None)
    if isinstance(inner, nn.Module) and isinstance(cfg.get('module'), Mapping):
        return inner, cfg['module']
    return model, cfg
