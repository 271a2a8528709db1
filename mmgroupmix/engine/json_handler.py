"""mmengine's handler of JSON files, whose output every reader of JSON accepts."""

import json
import math
from typing import Any, TextIO

import numpy as np
from mmengine.fileio import JsonHandler, register_handler


@register_handler('json')
class ValidJsonHandler(JsonHandler):
    """Writes ``null`` for NaN and infinity, which JSON does not have.

    They occur in the logs of a training whose loss diverged, and of metrics without a
    value. It replaces mmengine's handler once this package is imported.
    """

    def dump_to_fileobj(self, obj: Any, file: TextIO, **kwargs: Any) -> None:
        """Write an object to an open file."""
        file.write(self.dump_to_str(obj, **kwargs))

    def dump_to_str(self, obj: Any, **kwargs: Any) -> str:
        """Format an object."""
        try:
            return super().dump_to_str(obj, **dict(kwargs, allow_nan=False))
        except ValueError:
            kwargs.setdefault('default', _as_plain)
            return json.dumps(_replace_nonfinite(obj), **kwargs)


def _as_plain(value: Any) -> Any:
    if isinstance(value, (set, range)):
        return _replace_nonfinite(list(value))
    if isinstance(value, (np.ndarray, np.generic)):
        return _replace_nonfinite(value.tolist())
    raise TypeError(f'{type(value)} is unsupported for json dump')


def _replace_nonfinite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _replace_nonfinite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace_nonfinite(inner) for inner in value]
    return value
