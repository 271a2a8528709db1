"""The data table of a training, as its scan of the labels has written it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contents import Table, format_share

#: Names of the facts of a dataset in the file, and of the columns of the table.
FACTS = ('loader', 'dataset', 'source', 'images', 'scanned', 'ignored')
HEADER = ('data', 'type', 'labels', 'images', 'scanned', 'ignored')


@dataclass(frozen=True)
class DataTables:
    """What is known of the data of a run.

    Attributes:
        tables (Sequence[Table]): The datasets, and the labels of each class in them.
        warnings (Sequence[str]): What was suspicious.
    """

    tables: Sequence[Table]
    warnings: Sequence[str]


def read_data_tables(path: Path) -> DataTables | None:
    """Read the table.

    Args:
        path (Path): A JSON list with one object for each dataset: its facts, ``classes``
            with the count of each, their ``unit``, ``warnings`` and ``errors``.

    Returns:
        DataTables | None: None without the file, or if it is something else.
    """
    try:
        entries = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        return None
    rows = [[_format_fact(entry, key) for key in FACTS] for entry in entries]
    datasets = Table('Datasets', HEADER, rows, num_names=3)
    warnings = [
        str(text)
        for entry in entries
        for key in ('errors', 'warnings')
        for text in entry.get(key) or ()
    ]
    return DataTables([datasets, *_tabulate_classes(entries)], warnings)


def _format_fact(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if key == 'ignored' and isinstance(value, (int, float)):
        return format_share(value)
    return '' if value is None else str(value)


def _tabulate_classes(entries: Sequence[Mapping[str, Any]]) -> list[Table]:
    """One row for each class of any dataset, one column for each dataset."""
    counted = [entry for entry in entries if isinstance(entry.get('classes'), dict)]
    names = dict.fromkeys(name for entry in counted for name in entry['classes'])
    if not names:
        return []
    header = ['class']
    for entry in counted:
        header.append(f'{entry.get("loader", "data")}: {entry.get("unit", "labels")}')
    rows = [
        [name, *(_format_count(entry['classes'].get(name, 0)) for entry in counted)]
        for name in names
    ]
    return [Table('Labels of each class', header, rows)]


def _format_count(count: Any) -> str:
    return f'{count:,}' if isinstance(count, int) else str(count)
