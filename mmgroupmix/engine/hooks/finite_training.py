"""The check that the weights of a training are numbers, before they are saved."""

import torch
from mmengine.dist import all_reduce
from mmengine.runner import Runner

from ...checkpoints.finite_weights import find_nonfinite
from ...errors import UserError
from .invalid_loss_hook import InvalidLossHook


def check_finite(runner: Runner, iteration: int, last_checkpoint: str | None) -> None:
    """Check that the weights are numbers; call it on all ranks.

    Args:
        runner (Runner): The runner.
        iteration (int): For the message.
        last_checkpoint (str, optional): The checkpoint before, for the message.

    Raises:
        UserError: If a parameter or a buffer of any rank is NaN, or a parameter is
            infinite.
    """
    broken = find_nonfinite(runner.model.named_parameters())
    broken += find_nonfinite(runner.model.named_buffers(), allow_infinite=True)
    count = torch.tensor(float(len(broken)))
    all_reduce(count)
    if not count:
        return
    names = ', '.join(broken[:3]) or 'on another rank'
    rows = [
        hook.describe_row() for hook in runner.hooks if isinstance(hook, InvalidLossHook)
    ]
    reason = ''.join(f'; {row}' for row in rows if row)
    raise UserError(
        f'the weights are NaN or infinite after iteration {iteration} ({names}){reason}. '
        f'They were not saved; the last good checkpoint is {last_checkpoint or "none"}. '
        'Lower the learning rate, clip gradients or check the data, and resume from it.'
    )
