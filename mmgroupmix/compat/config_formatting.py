"""Formatting a config once, not anew for every checkpoint.

mmengine stores the formatted config in each checkpoint and has yapf format it each time,
which takes about a second. To be removed when ``Config.pretty_text`` keeps its text.
"""

import functools


def format_once() -> None:
    """Let yapf answer with its last text when it is asked for the same again."""
    from mmengine.config import config
    from yapf.yapflib import yapf_api

    original, formatted = yapf_api.FormatCode, {}
    if hasattr(original, '__wrapped__'):
        return

    @functools.wraps(original)
    def format_code(text, **options):
        if text not in formatted:
            formatted.clear()
            formatted[text] = original(text, **options)
        return formatted[text]

    yapf_api.FormatCode = format_code
    if hasattr(config, 'FormatCode'):  # the classic mmengine keeps a name of its own
        config.FormatCode = format_code
