"""Reading a config file."""

import os
import sys

from mmengine.config import Config

from ...errors import UserError


def read_config(path):
    """Read a config; modules that it imports may lie beside it or in the current folder.

    Args:
        path (str): The file.

    Returns:
        Config: As the file says.

    Raises:
        UserError: If the file, or a module that it imports, is missing.
    """
    if not os.path.isfile(path):
        raise UserError(f'config file not found: {path}')
    folders = [os.path.dirname(os.path.abspath(path)), os.getcwd()]
    sys.path += [folder for folder in folders if folder not in sys.path]
    try:
        return Config.fromfile(path)
    except ImportError as error:
        cause = error
        while cause.__cause__ or cause.__context__:  # mmengine hides what went wrong
            cause = cause.__cause__ or cause.__context__
        raise UserError(
            f'{path}: a module of custom_imports cannot be imported: {cause}. A file of '
            'your own may lie beside the config or in the current folder.'
        ) from error
