"""A checkpoint of another model than the one that is trained."""

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


def check_complete(runner: Runner, checkpoint: dict) -> None:
    """Check that a checkpoint to resume from holds every tensor of the model.

    The reader of checkpoints has compared the shapes.

    Args:
        runner (Runner): The runner; of sharded weights nothing is checked here.
        checkpoint (dict): The content of the checkpoint.

    Raises:
        UserError: If a tensor is missing.
    """
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if is_sharded(model):
        return
    missing = [
        name for name in model.state_dict() if name not in checkpoint['state_dict']
    ]
    if missing:
        more = f' and {len(missing) - MAX_NAMES} more' if len(missing) > MAX_NAMES else ''
        names = ', '.join(missing[:MAX_NAMES])
        reason = f'it is of another model: it lacks {names}{more}'
        raise UserError(_describe(runner._load_from, reason))


def _describe(path: Any, reason: str) -> str:
    return (
        f'cannot resume from {path}: {reason}. Give another one as --resume CHECKPOINT, '
        'or, if it does not belong to this run, move it elsewhere. To start a new '
        'training from its weights, set load_from in the config instead.'
    )
