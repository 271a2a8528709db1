"""Checks that one process of a job makes for all."""

import time
from collections.abc import Callable
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process

from ...errors import UserError

#: As :func:`mmgroupmix.apis.command_line.run_command` exits after a UserError.
USER_ERROR_EXIT_CODE = 2
#: A launcher ends all processes when one has ended; the first still has to report.
REPORTING_SECONDS = 1.0


def check_on_main_rank(check: Callable[[], None]) -> None:
    """Run a check in the first process of a job, while the others wait for its outcome.

    Args:
        check (Callable): It raises a UserError for what the user can correct.

    Raises:
        UserError: In the first process, which reports it.
        SystemExit: In the others, with the same exit status.
    """
    outcome: list[Any] = [0]
    error = None
    if is_main_process():
        try:
            check()
        except UserError as raised:
            outcome, error = [USER_ERROR_EXIT_CODE], raised
    broadcast_object_list(outcome)
    if error:
        raise error
    if outcome[0]:
        time.sleep(REPORTING_SECONDS)
        raise SystemExit(outcome[0])
