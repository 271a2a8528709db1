"""Cache of the formatted config of a run.

Reason: mmengine stores the formatted config in each checkpoint and lets yapf format it
every time, which takes about a second.

Remove when ``Config.pretty_text`` keeps its text.
"""

import functools
from typing import Any


def format_once() -> None:
    """Make yapf return its last result when it is given the same text again."""
    from mmengine.config import config
    from yapf.yapflib import yapf_api

    original = yapf_api.FormatCode
    if hasattr(original, '__wrapped__'):
        return
    formatted: dict[str, Any] = {}

    @functools.wraps(original)
    def format_code(text: str, **options: Any) -> Any:
        if text not in formatted:
            formatted.clear()
            formatted[text] = original(text, **options)
        return formatted[text]

    yapf_api.FormatCode = format_code
    if hasattr(config, 'FormatCode'):  # classic mmengine imports the function by name
        config.FormatCode = format_code
