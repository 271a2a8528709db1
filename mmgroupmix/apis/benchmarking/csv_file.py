"""The figures of a benchmark as a file of comma-separated values."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .condition import Row
from .results import Results
from .summary import find_quartiles

CONDITION_COLUMNS = ('model', 'pass', 'dtype', 'batch', 'height', 'width')
#: Columns; those of the machine follow.
COLUMNS = (
    *CONDITION_COLUMNS,
    *('runs', 'parameters', 'multiply_adds_per_image'),
    *('seconds', 'seconds_lower_quartile', 'seconds_upper_quartile', 'images_per_second'),
    *('reference', 'ratio', 'ratio_lower_quartile', 'ratio_upper_quartile'),
    *('peak_bytes', 'saved_bytes_per_image', 'failure'),
)


def write_csv(results: Results, machine: Mapping[str, str], path: str | Path) -> None:
    """Write one line per model and condition.

    Args:
        results (Results): The benchmark.
        machine (Mapping[str, str]): What all figures depend on, repeated in each line.
        path (str | Path): The file.
    """
    with open(path, 'w', encoding='utf-8', newline='') as file:
        writer = csv.DictWriter(file, [*COLUMNS, *machine])
        writer.writeheader()
        for rows in results.rows:
            for row in rows:
                writer.writerow({**_describe_row(results, row, rows), **machine})


def describe_condition_columns(results: Results, row: Row) -> dict[str, Any]:
    """The columns that say which model a line is about, and under which condition."""
    condition = row.condition
    values = (row.label, condition.name, condition.dtype_name, results.batch)
    return dict(zip(CONDITION_COLUMNS, (*values, *condition.size)))


def _describe_row(results: Results, row: Row, rows: list[Row]) -> dict[str, Any]:
    line: dict[str, Any] = {
        **describe_condition_columns(results, row),
        'runs': len(row.seconds),
        'parameters': row.parameters,
        'multiply_adds_per_image': row.multiply_adds,
        'peak_bytes': row.peak,
        'saved_bytes_per_image': row.saved,
        'failure': row.failure,
    }
    if row.seconds:
        time = find_quartiles(row.seconds)
        line['seconds'] = time.median
        line['seconds_lower_quartile'] = time.lower
        line['seconds_upper_quartile'] = time.upper
        line['images_per_second'] = results.batch / time.median
    reference, ratios = results.find_reference(rows), results.find_ratios(row, rows)
    if reference and ratios:
        line['reference'] = reference.label
        line['ratio'] = ratios.median
        line['ratio_lower_quartile'] = ratios.lower
        line['ratio_upper_quartile'] = ratios.upper
    return line
