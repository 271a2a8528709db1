"""A JSON list that is complete on disk after every addition."""

import json
from pathlib import Path
from typing import Any

from .interruption import defer_signals


class NonFinitePredictionError(ValueError):
    """A prediction with NaN or infinite numbers, which JSON does not have."""


def to_json(value: Any) -> str:
    """Format a value as JSON.

    Args:
        value (Any): Of the types that ``json`` supports.

    Returns:
        str: The text, in ASCII.

    Raises:
        NonFinitePredictionError: If it holds NaN or infinity: ``json`` would write names
            for them that other readers refuse.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise NonFinitePredictionError('it holds NaN or infinite numbers') from error


class JsonListWriter:
    """Writes a JSON list to a file that can be parsed after every addition.

    Each addition is one write to the file. If it fails, as on a full disk, the list ends
    with the addition before; a file that cannot even be begun is removed. Signals act
    after an addition.

    Args:
        path (Path): The file.
        before (str): Text before the list, such as ``'{"images": '``. Defaults to ''.
        after (str): Text after the list. Defaults to ''.
    """

    def __init__(self, path: Path, before: str = '', after: str = ''):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.tail = f'\n]{after}\n'.encode()
        self.end, self.empty = 0, True
        with defer_signals():
            self.file = path.open('wb', buffering=0)
            try:
                self._write_at_end(start := f'{before}['.encode() + self.tail)
            except BaseException:
                self.file.close()
                path.unlink()
                raise
            self.end = len(start) - len(self.tail)

    def add(self, *entries: Any) -> None:
        """Append entries.

        Raises:
            NonFinitePredictionError: If one holds NaN or infinity; none is written.
        """
        if entries:
            text = b',\n'.join(to_json(entry).encode() for entry in entries)
            with defer_signals():
                self._write((b'\n' if self.empty else b',\n') + text)
                self.empty = False

    def _write(self, text: bytes) -> None:
        try:
            self._write_at_end(text + self.tail)
        except BaseException:
            # The tail's bytes were on disk before, so there is room for them.
            self.file.truncate(self.end)
            self._write_at_end(self.tail)
            raise
        self.end += len(text)

    def _write_at_end(self, rest: bytes) -> None:
        self.file.seek(self.end)
        while rest:
            rest = rest[self.file.write(rest) :]

    def close(self) -> None:
        """Close the file."""
        self.file.close()
