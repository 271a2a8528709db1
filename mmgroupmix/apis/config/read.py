"""Reading of config files."""

import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from ...errors import UserError

#: mmengine's functions that read one file and those that it inherits from.
READING_FUNCTIONS = ('_is_lazy_import', '_file2dict', '_parse_lazy_import')


def read_config(path: str | Path) -> Config:
    """Read a config.

    Modules of ``custom_imports`` may lie beside the file or in the current folder.

    Args:
        path (str | Path): The file.

    Returns:
        Config: The config.

    Raises:
        UserError: If the file, or what it imports or inherits from, is missing or wrong.
    """
    if not Path(path).is_file():
        raise UserError(f'config file not found: {path}')
    folders = [os.path.dirname(os.path.abspath(path)), os.getcwd()]
    sys.path += [folder for folder in folders if folder not in sys.path]
    try:
        return Config.fromfile(path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(_describe_failure(path, error)) from error


def _describe_failure(path: str | Path, error: Exception) -> str:
    """Say which file of those that a config inherits from is wrong, where, and why."""
    source, line = None, getattr(error, 'lineno', None)
    frames = traceback.walk_tb(error.__traceback__)
    for frame, number in frames:
        if frame.f_code.co_name in READING_FUNCTIONS:
            source = frame.f_locals.get('filename', source)
        elif frame.f_code.co_filename == source:
            line = number
    if source is None and isinstance(error, ImportError):
        cause: BaseException = error
        while inner := cause.__cause__ or cause.__context__:  # mmengine hides the cause
            cause = inner
        return (
            f'{path}: a module of custom_imports cannot be imported: {cause}. Your own '
            'modules may lie beside the config or in the current folder.'
        )
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    where = f' ({source}{f", line {line}" if line else ""})' * (str(source) not in text)
    reason = f'{type(error).__name__}: {" ".join(text.split()).rstrip(".")}'
    hint = ''
    if isinstance(error, FileNotFoundError):
        hint = (
            ' A path in _base_ is relative to the file that contains it; mmdet::PATH is '
            'relative to the configs of mmdet.'
        )
    return f'{path}: the config cannot be read{where}: {reason}.{hint}'


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
