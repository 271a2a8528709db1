"""A JSON list that is complete on disk after every addition."""

import json
from pathlib import Path
from typing import Any


class JsonListWriter:
    """Writes a JSON list to a file that can be parsed after every addition.

    Each addition is one write to the file. If it fails, as on a full disk, the list ends
    with the addition before.

    Args:
        path (Path): The file.
        before (str): Text before the list, such as ``'{"images": '``. Defaults to ''.
        after (str): Text after the list. Defaults to ''.
    """

    def __init__(self, path: Path, before: str = '', after: str = ''):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.tail = f'\n]{after}\n'.encode()
        self.file = path.open('wb', buffering=0)
        self.end, self.empty = 0, True
        self._write(f'{before}['.encode())

    def add(self, *entries: Any) -> None:
        """Append entries."""
        if entries:
            text = b',\n'.join(json.dumps(entry).encode() for entry in entries)
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
