"""Errors that the person at the keyboard can mend: told in one message.

The commands in ``tools/`` print them without a traceback. In a person's own program they
are what they are: a ValueError, a TypeError, a RuntimeError.
"""


class UserError(ValueError):
    """A mistake in the command, the config or the data; its message is for a person.

    The message says what was given, where, what is allowed and what to do.
    """


class UnknownArgumentError(UserError, TypeError):
    """An argument that the class does not have, or of the wrong type."""


class CheckpointError(UserError, RuntimeError):
    """A checkpoint that cannot be what was asked for."""


class CheckpointNotFoundError(UserError, FileNotFoundError):
    """A checkpoint that is not there."""
