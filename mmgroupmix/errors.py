"""Errors that the user can correct, each reported in one message.

The commands in ``tools/`` print them without a traceback. In the user's own program they
are ordinary exceptions: a ValueError, a TypeError, a RuntimeError.
"""

import importlib
from types import ModuleType

#: The status of a command that ends with one of them.
USER_ERROR_EXIT_CODE = 2


class UserError(ValueError):
    """A mistake in the command, the config or the data.

    The message says what was given and where, what is allowed and what to do.
    """


class UnknownArgumentError(UserError, TypeError):
    """An argument that the class does not have, or that has the wrong type."""


class MissingOperatorError(UserError, NotImplementedError):
    """An operator of mmcv that needs compiling and has no substitute here."""


class CheckpointError(UserError, RuntimeError):
    """A checkpoint that cannot be read or does not fit the model."""


class CheckpointNotFoundError(UserError, FileNotFoundError):
    """A checkpoint that does not exist."""


def require_library(name: str, purpose: str, install: str) -> ModuleType:
    """Import a library that is optional.

    Args:
        name (str): Its module, such as 'torchmetrics.image.fid'.
        purpose (str): What needs it, for the message.
        install (str): The line that installs it.

    Returns:
        ModuleType: The module.

    Raises:
        UserError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.partition('.')[0].replace('_', '-')
        raise UserError(
            f'{purpose} needs {library}, which is not installed: {install} ({error})'
        ) from error
