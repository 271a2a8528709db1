"""A checkpoint of another model than the one that is trained."""

from collections.abc import Mapping
from functools import wraps
from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ..errors import UserError
from .model_wrappers.sharded_states import is_sharded

#: More names than this would hide the message.
MAX_NAMES = 3
#: What PyTorch and mmengine raise for a state that does not fit.
MISFIT_ERRORS = (
    AttributeError,
    AssertionError,
    IndexError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
)


def report_misfits(runner: Runner) -> None:
    """Let a runner's ``resume`` report a checkpoint that does not fit in one message.

    mmengine itself goes on with random weights where those of the checkpoint do not fit,
    and ends with a traceback if the optimizer does not.

    Args:
        runner (Runner): The runner, changed in place.
    """
    resume = runner.resume

    @wraps(resume)
    def resume_or_report(filename: str, *args: Any, **kwargs: Any) -> None:
        try:
            resume(filename, *args, **kwargs)
        except UserError:
            raise
        except MISFIT_ERRORS as error:
            reason = f'{type(error).__name__}: {error}'.splitlines()[0]
            raise UserError(_describe(filename, reason)) from error

    runner.resume = resume_or_report


def check_fit(runner: Runner, checkpoint: dict) -> None:
    """Check that a checkpoint to resume from holds every tensor of the model.

    Args:
        runner (Runner): The runner; of sharded weights nothing is checked here.
        checkpoint (dict): The content of the checkpoint.

    Raises:
        UserError: If a tensor is missing or has another shape.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if is_sharded(model):
        return
    saved = checkpoint.get('state_dict')
    saved = saved if isinstance(saved, Mapping) else {}
    misfits = []
    for name, tensor in model.state_dict().items():
        if name not in saved:
            misfits.append(f'{name} is missing')
        elif getattr(saved[name], 'shape', None) != getattr(tensor, 'shape', None):
            misfits.append(f'{name} has another shape')
    if misfits:
        more = f' and {len(misfits) - MAX_NAMES} more' if len(misfits) > MAX_NAMES else ''
        reason = f'it is of another model ({", ".join(misfits[:MAX_NAMES])}{more})'
        raise UserError(_describe(runner._load_from, reason))


def _describe(path: Any, reason: str) -> str:
    return (
        f'cannot resume from {path}: {reason}. Give another one as --resume CHECKPOINT, '
        'or, if it does not belong to this run, move it elsewhere. To start a new '
        'training from its weights, set load_from in the config instead.'
    )
