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
    value. In COCO results, which mmdet's metrics read back from a file, a box that is not
    finite (YOLOX's exponential overflows early in a training) becomes one without area,
    which matches no object, and a score that is NaN becomes 0. pycocotools would count
    NaN as a match.

    It replaces mmengine's handler once this package is imported.
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
        if 'bbox' in value and 'score' in value:
            value = _replace_invalid_result(value)
        return {key: _replace_nonfinite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace_nonfinite(inner) for inner in value]
    return value


def _replace_invalid_result(result: dict) -> dict:
    """Keep a prediction in COCO's format a false positive that the metric can read."""
    box, score = result['bbox'], result['score']
    if isinstance(box, (list, tuple)) and not all(map(_is_finite, box)):
        result = dict(result, bbox=[0.0] * len(box))
    return result if _is_finite(score) else dict(result, score=0.0)


def _is_finite(value: Any) -> bool:
    return not isinstance(value, (float, np.floating)) or math.isfinite(value)
