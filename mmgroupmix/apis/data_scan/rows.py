"""A row of the table of data: what a scan found in one dataset."""

import json
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...checkpoints.atomic_files import write_atomically
from ..report.contents import format_share

#: The file of the rows, below the work directory of a run.
SCAN_FILE = 'data_scan.json'
#: One class with a larger share leaves next to nothing of the others.
DOMINANT_SHARE = 0.999
#: Classes that a line of the table shows.
MAX_SHOWN = 6
#: Columns of the table.
MAX_WIDTH = 96


@dataclass
class DataScan:
    """What is in one dataset.

    Attributes:
        place (str): Its place in the config.
        loader (str): 'train', 'val' or 'test'.
        dataset (str): Type of the dataset.
        source (str): Its annotation file or folder.
        unit (str): What is counted: 'boxes', 'pixels' or 'images'.
        images (int): Images of the dataset.
        scanned (int): Images whose labels were counted.
        classes (dict[str, int]): Boxes, pixels or images of each class.
        ignored (float): Share of the labels that training ignores.
        largest (int, optional): The largest label that was counted; None if unknown.
        warnings (list[tuple[str, str]]): Name of the check and what is suspicious.
        errors (list[tuple[str, str]]): Name of the check and what cannot train, or would
            be wrong in silence.
    """

    place: str
    loader: str
    dataset: str
    source: str
    unit: str
    images: int = 0
    scanned: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    ignored: float = 0.0
    largest: int | None = None
    warnings: list[tuple[str, str]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def warn(self, check: str, text: str) -> None:
        """Record what is suspicious."""
        self.warnings.append((check, f'{self.loader} data {self.source}: {text}'))

    def refuse(self, check: str, text: str) -> None:
        """Record what cannot train, or would be wrong in silence."""
        self.errors.append((check, f'{self.source}: {text}'))

    def judge_counts(self) -> None:
        """Record what is suspicious in the counts of the classes."""
        total = sum(self.classes.values())
        which = 'all' if self.scanned == self.images else f'{self.scanned} scanned'
        if not total:
            if self.loader == 'train' and self.ignored == 1 and which == 'all':
                self.refuse(
                    'data-scan',
                    'every label of all images is ignored, so that nothing can be '
                    'learned. Check the label of the background, reduce_zero_label and '
                    'ignore_index.',
                )
            elif self.loader == 'train':
                self.warn('data-scan', f'no {self.unit} of any class in {which} images')
            else:
                self.warn(
                    'data-scan',
                    f'there is nothing to compare with: {which} images have no '
                    f'{self.unit} of any class, and their score will be undefined',
                )
            return
        names = self.name_absent()
        if names:
            effect = (
                'nothing is learned of it'
                if self.loader == 'train'
                else 'it does not count in the score'
            )
            where = '' if which == 'all' else f' in {which} images'
            self.warn('data-scan', f'no {self.unit} of {names}{where}: {effect}')
        name, count = max(self.classes.items(), key=lambda item: item[1])
        if len(self.classes) > 1 and DOMINANT_SHARE < count / total < 1:
            share = 100 * count / total
            self.warn('data-scan', f'{share:.2f} % of the {self.unit} are {name}')

    def name_absent(self) -> str:
        """The classes that were not found, '' if none or all are missing."""
        absent = [name for name, count in self.classes.items() if not count]
        if len(absent) == len(self.classes):
            return ''
        more = f' and {len(absent) - MAX_SHOWN} more' * (len(absent) > MAX_SHOWN)
        return ', '.join(absent[:MAX_SHOWN]) + more

    def describe_classes(self) -> str:
        """The classes with their shares, the most frequent first."""
        total = sum(self.classes.values())
        if not total:
            return f'no {self.unit}'
        ranked = sorted(self.classes.items(), key=lambda item: -item[1])
        shown = [
            _format_class(name, n, total, self.unit) for name, n in ranked[:MAX_SHOWN]
        ]
        if len(ranked) > MAX_SHOWN:
            shown.append(f'{len(ranked) - MAX_SHOWN} more, the rarest {ranked[-1][0]} '
                         f'{_format_count(ranked[-1][1], total, self.unit)}')  # fmt: skip
        return ', '.join(shown)


def _format_class(name: str, count: int, total: int, unit: str) -> str:
    return f'{name} {_format_count(count, total, unit)}'


def _format_count(count: int, total: int, unit: str) -> str:
    return f'{100 * count / total:.3g} %' if unit == 'pixels' else str(count)


def describe_score(rows: Sequence[DataScan], loader: str) -> list[str]:
    """Lines below a score: the classes that it says nothing of.

    Args:
        rows (Sequence[DataScan]): What is in the data.
        loader (str): The data that were scored, 'val' or 'test'.
    """
    return [
        f'             without {row.name_absent()}: not in the {row.unit} of {row.source}'
        for row in rows
        if row.loader == loader and row.scanned == row.images and row.name_absent()
    ]


def format_scan(rows: Sequence[DataScan]) -> str:
    """Lay the rows out as a table for a terminal.

    Args:
        rows (Sequence[DataScan]): The rows.

    Returns:
        str: The table, or '' without rows.
    """
    if not rows:
        return ''
    table = [('data', 'dataset', 'images', 'scanned', 'ignored')]
    for row in rows:
        numbers = str(row.images), str(row.scanned), format_share(row.ignored)
        table.append((row.loader, row.dataset, *numbers))
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    lines = [
        '   '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in table
    ]
    for i, row in reversed(list(enumerate(rows, start=1))):
        indent = ' ' * (widths[0] + 3)
        text = f'{row.unit}: {row.describe_classes()}'
        lines[i + 1 : i + 1] = textwrap.wrap(
            text, MAX_WIDTH, initial_indent=indent, subsequent_indent=indent
        )
    return '\n'.join(lines)


def write_scan(rows: Sequence[DataScan], path: Path) -> None:
    """Write the rows as a JSON file, which reports of a run read.

    Args:
        rows (Sequence[DataScan]): The rows.
        path (Path): The file.
    """
    entries = []
    for row in rows:
        entry = asdict(row)
        for key in ('warnings', 'errors'):
            entry[key] = [text for _, text in entry[key]]
        entries.append(entry)
    write_atomically(path, json.dumps(entries, indent=1).encode())


def find_largest(counts: Iterable[int]) -> int:
    """The largest label with a count, -1 without any.

    Args:
        counts (Iterable[int]): One for each label, from 0.
    """
    return max((label for label, count in enumerate(counts) if count), default=-1)


def name_classes(names: Collection[str] | None, number: int) -> Iterator[str]:
    """Yield a name for each of so many classes.

    Args:
        names (Collection[str], optional): Those that are known.
        number (int): How many there are.
    """
    known = list(names or [])
    yield from known
    for i in range(len(known), number):
        yield f'class {i}'
