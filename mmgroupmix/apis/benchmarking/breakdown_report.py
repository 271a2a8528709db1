"""Where the time of steps goes, as tables and as a file of comma-separated values."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .breakdown import STEPS, Breakdown, Part
from .condition import Row
from .csv_file import CONDITION_COLUMNS, describe_condition_columns
from .results import Results
from .summary import find_quartiles
from .table import NO_FIGURE, align

HEADER = ('operations', 'calls', 'ms', 'share', 'GFLOP', 'MB', 'floor ms')
#: Columns after those of model and condition; those of the machine follow.
COLUMNS = (
    *('kind', 'calls', 'seconds', 'share', 'operations', 'bytes', 'floor_seconds'),
    *('step_seconds', 'peak_operations_per_second', 'peak_bytes_per_second'),
)


def format_breakdown(row: Row, breakdown: Breakdown) -> str:
    """Lay out where the time of a step goes.

    Args:
        row (Row): The row of the step.
        breakdown (Breakdown): The step in parts.

    Returns:
        str: A title, a table with one line per kind of operation and one for all, and the
        floor beside the time of the step.
    """
    total, peaks = breakdown.total, breakdown.peaks
    table = [HEADER, *(_format_part(p, breakdown) for p in (*breakdown.parts, total))]
    median = find_quartiles(row.seconds).median
    return '\n'.join(
        [
            f'{row.label}: mean of {STEPS} steps under the profiler',
            *(f'  {line}' for line in align(table)),
            f'  floor {total.floor * 1e3:.1f} ms; a step took {median * 1e3:.1f} ms '
            'without the profiler',
            f'  peaks: {peaks.operations / 1e9:.0f} GFLOP/s in a large product, '
            f'{peaks.bytes / 1e9:.1f} GB/s in a large copy',
            '  floor of a kind: the longer of its operations and its bytes at these '
            'peaks;',
            '  bytes: tensors that operations take and give, without regard to caches',
        ]
    )


def _format_part(part: Part, breakdown: Breakdown) -> tuple[str, ...]:
    counts = part.counts
    return (
        part.kind,
        str(counts.calls),
        f'{part.seconds * 1e3:.1f}',
        f'{breakdown.find_share(part):.1%}',
        f'{counts.operations / 1e9:.2f}' if counts.operations else NO_FIGURE,
        f'{counts.bytes / 1e6:.1f}' if counts.bytes else NO_FIGURE,
        f'{part.floor * 1e3:.1f}',
    )


def find_breakdown_file(path: str | Path) -> Path:
    """The file for breakdowns beside that of the other figures."""
    path = Path(path)
    return path.with_name(f'{path.stem}.breakdown{path.suffix}')


def write_breakdown(
    results: Results, machine: Mapping[str, str], path: str | Path
) -> Path:
    """Write one line per model, condition and kind of operation.

    Args:
        results (Results): The benchmark.
        machine (Mapping[str, str]): What all figures depend on, repeated in each line.
        path (str | Path): The file of the other figures.

    Returns:
        Path: The file, of :func:`find_breakdown_file`.
    """
    lines: list[dict[str, Any]] = []
    for row in (row for rows in results.rows for row in rows):
        if row.breakdown:
            condition = describe_condition_columns(results, row)
            parts = _describe_parts(row, row.breakdown)
            lines += [{**condition, **part, **machine} for part in parts]
    file = find_breakdown_file(path)
    with open(file, 'w', encoding='utf-8', newline='') as stream:
        writer = csv.DictWriter(stream, [*CONDITION_COLUMNS, *COLUMNS, *machine])
        writer.writeheader()
        writer.writerows(lines)
    return file


def _describe_parts(row: Row, breakdown: Breakdown) -> list[dict[str, Any]]:
    peaks = breakdown.peaks
    median = find_quartiles(row.seconds).median
    return [
        dict(
            zip(
                COLUMNS,
                (
                    *(part.kind, part.counts.calls, part.seconds),
                    *(breakdown.find_share(part), part.counts.operations),
                    *(part.counts.bytes, part.floor, median),
                    *(peaks.operations, peaks.bytes),
                ),
            )
        )
        for part in breakdown.parts
    ]
