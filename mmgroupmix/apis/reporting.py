"""A command line around errors that the person at the keyboard can mend."""

import sys

from ..errors import UserError

USER_ERROR_EXIT_CODE = 2


def run_command(command):
    """Run a command line; a :class:`UserError` becomes one message on stderr.

    Any other exception is a defect of the program and keeps its traceback.

    Args:
        command (Callable[[], int | None]): The command; may return an exit code.

    Returns:
        int: The exit code: that of the command or 0, and 2 after a ``UserError``.
    """
    try:
        return command() or 0
    except UserError as error:
        print(f'error: {_without_worker_traceback(error)}', file=sys.stderr)
        return USER_ERROR_EXIT_CODE


def _without_worker_traceback(error):
    """A data loader worker hands an exception over with its traceback as the text."""
    return str(error).split(f'{UserError.__name__}: ')[-1].strip()
