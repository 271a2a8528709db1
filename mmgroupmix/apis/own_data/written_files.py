"""Lists and JSON files with names of the user's images, whatever these names hold."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...checkpoints.atomic_files import write_atomically
from ...errors import UserError


def fits_list(name: str) -> bool:
    """Whether the toolboxes read a name as it is from a list with one in each line.

    They strip each line and read UTF-8. Bytes of a name that are not are surrogates here.
    """
    is_one_line = name == name.strip() and not {'\n', '\r'} & set(name)
    return is_one_line and not any('\ud800' <= char <= '\udfff' for char in name)


def write_list(path: Path, names: Iterable[str]) -> None:
    """Write a list of names, one in each line.

    Raises:
        UserError: If a name does not fit into a line.
    """
    names = list(names)
    for name in names:
        if not fits_list(name):
            raise UserError(
                f'--data: the toolbox reads names of images from a list in UTF-8, one '
                f'in each line, which cannot hold {name!a}. Rename the file or '
                'folder: no line breaks, no blanks at the ends.'
            )
    write_atomically(path, ''.join(f'{name}\n' for name in names).encode())


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file; readable where all names are UTF-8, with escapes elsewhere."""
    try:
        text = json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        text = json.dumps(content).encode()
    write_atomically(path, text)
