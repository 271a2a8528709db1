"""Reading of config files."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from ...errors import UserError


def read_config(path: str | Path) -> Config:
    """Read a config.

    Modules of ``custom_imports`` may lie beside the file or in the current folder.

    Args:
        path (str | Path): The file.

    Returns:
        Config: The config.

    Raises:
        UserError: If the file, or a module that it imports, is missing.
    """
    if not Path(path).is_file():
        raise UserError(f'config file not found: {path}')
    folders = [os.path.dirname(os.path.abspath(path)), os.getcwd()]
    sys.path += [folder for folder in folders if folder not in sys.path]
    try:
        return Config.fromfile(path)
    except ImportError as error:
        cause: BaseException = error
        while inner := cause.__cause__ or cause.__context__:  # mmengine hides the cause
            cause = inner
        raise UserError(
            f'{path}: a module of custom_imports cannot be imported: {cause}. Your own '
            'modules may lie beside the config or in the current folder.'
        ) from error


def merge_options(cfg: Config, options: Mapping) -> None:
    """Set the settings of ``--cfg-options`` in a config, in place.

    Args:
        cfg (Config): The config.
        options (Mapping): Dotted names to values.

    Raises:
        UserError: If one has no place in the config.
    """
    try:
        cfg.merge_from_dict(dict(options))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = str(error.args[0] if error.args else type(error).__name__)
        reason = reason.partition(' You may set')[0].rstrip('.')
        raise UserError(
            f'--cfg-options do not fit {cfg.filename}: {reason}. To set keys of a value '
            'that is None or of another type, add KEY._delete_=True, where KEY is its '
            'name.'
        ) from error
