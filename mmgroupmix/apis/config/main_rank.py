"""What one process of a job does for all."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from mmengine.dist import broadcast_object_list, is_main_process

from ...errors import USER_ERROR_EXIT_CODE, UserError

T = TypeVar('T')
#: A launcher ends all processes when one has ended; the first still has to report.
REPORTING_SECONDS = 1.0


def on_main_rank(function: Callable[[], T]) -> T:
    """Call a function in the first process of a job, while the others wait for it.

    Args:
        function (Callable): What to call; it raises a UserError for what the user can
            correct.

    Returns:
        Any: Its result, in every process; it can be pickled.

    Raises:
        UserError: In the first process, which reports it.
        SystemExit: In the others, with the same exit status.
    """
    outcome: list[Any] = [None, False]
    error = None
    if is_main_process():
        try:
            outcome[0] = function()
        except UserError as raised:
            outcome, error = [None, True], raised
    broadcast_object_list(outcome)
    if error:
        raise error
    result, has_failed = outcome
    if has_failed:
        time.sleep(REPORTING_SECONDS)
        raise SystemExit(USER_ERROR_EXIT_CODE)
    return result
