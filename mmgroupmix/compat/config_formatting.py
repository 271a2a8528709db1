"""Cache of the formatted config of a run.

Reason: mmengine stores the formatted config in each checkpoint and lets yapf format it
every time, which takes about a second. Whatever is raised meanwhile, such as the exit
after a signal, it replaces by a SyntaxError.

Remove when ``Config.pretty_text`` keeps its text and catches errors of yapf only.
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
    pretty_text = config.Config.pretty_text.fget
    if not hasattr(pretty_text, '__wrapped__'):
        config.Config.pretty_text = property(_let_exits_pass(pretty_text))


def _let_exits_pass(pretty_text: Any) -> Any:
    @functools.wraps(pretty_text)
    def get(self: Any) -> str:
        try:
            return pretty_text(self)
        except SyntaxError as error:
            if isinstance(error.__context__, (KeyboardInterrupt, SystemExit)):
                raise error.__context__ from None
            raise

    return get
