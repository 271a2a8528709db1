"""The tables of a benchmark for a terminal."""

from collections.abc import Mapping, Sequence

from .condition import Condition, Row
from .growth import QUANTITIES, find_growth, group_growth
from .memory import METHODS
from .results import Results, describe_condition
from .summary import Quartiles, find_quartiles

NO_FIGURE = '-'
HEADER = (
    *('model', 'ms (quartiles)', 'images/s', 'ratio (quartiles)'),
    *('G multiply-adds/image', 'peak MiB'),
)
SAVED = 'saved MiB/image'


def format_rows(results: Results, rows: Sequence[Row]) -> str:
    """Lay out the figures of one condition.

    Args:
        results (Results): The benchmark.
        rows (Sequence[Row]): The rows of the condition.

    Returns:
        str: A title, and a table with one line per model.
    """
    condition = rows[0].condition
    table: list[tuple[str, ...]] = [HEADER]
    if condition.training:
        table = [(*HEADER, SAVED)]
    for row in rows:
        if row.seconds:
            cells = (row.label, *_format_figures(results, row, rows))
            table.append((*cells, _in_mib(row.saved)) if condition.training else cells)
    failures = [f'  {row.label}: {row.failure}' for row in rows if row.failure]
    lines = align(table) if len(table) > 1 else []
    title = describe_condition(condition, results.batch)
    return '\n'.join([title, *(f'  {line}' for line in lines), *failures])


def _format_figures(results: Results, row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    time = find_quartiles(row.seconds)
    ratios = results.find_ratios(row, rows)
    if row is results.find_reference(rows):
        ratio = '1, the reference'
    else:
        ratio = _format_quartiles(ratios, '.3f') if ratios else NO_FIGURE
    return (
        format_milliseconds(time),
        f'{results.batch / time.median:.1f}',
        ratio,
        NO_FIGURE if row.multiply_adds is None else f'{row.multiply_adds / 1e9:.4g}',
        _in_mib(row.peak),
    )


def format_exponents(results: Results) -> str:
    """List how figures grow with the size of the input; '' for one size."""
    table = [('model', 'pass', 'type', *QUANTITIES)]
    for group, growth in group_growth(results).items():
        for label, rows in growth.items():
            exponents = (find_growth(rows, quantity) for quantity in QUANTITIES)
            cells = (
                NO_FIGURE if exponent is None else f'{group.unit}^{exponent:.2f}'
                for exponent in exponents
            )
            table.append((label, group.name, group.dtype, *cells))
    if len(table) == 1:
        return ''
    return '\n'.join(['growth with the size', *(f'  {line}' for line in align(table))])


def format_machine(
    machine: Mapping[str, str], conditions: Sequence[Condition], options: Sequence[str]
) -> str:
    """Lay out what all figures depend on.

    Args:
        machine (Mapping[str, str]): Of :func:`describe_machine`.
        conditions (Sequence[Condition]): What will be measured.
        options (Sequence[str]): How it is measured, in words.

    Returns:
        str: One line per entry.
    """
    entries = dict(machine)
    entries['measured'] = ', '.join(options)
    trained = [c for c in conditions if c.training]
    method = METHODS.get(machine['device'].partition(':')[0])
    entries['peak'] = (
        f'weights, optimizer state, and {method}' if method else 'not measured here'
    )
    if trained:
        entries['saved'] = (
            'what autograd keeps after the forward pass, beside the weights'
        )
    return '\n'.join(align([(f'{name}:', text) for name, text in entries.items()], ' '))


def format_parts(rows: Sequence[Row]) -> str:
    """List what of each model is timed, and its parameters."""
    table = [('model', 'parameters (M)', 'what is timed')]
    for row in rows:
        known = row.parameters is not None
        number = f'{(row.parameters or 0) / 1e6:.2f}' if known else NO_FIGURE
        table.append((row.label.partition('@')[0], number, row.part))
    return '\n'.join(align(list(dict.fromkeys(table))))


def align(table: Sequence[Sequence[str]], gap: str = '   ') -> list[str]:
    """Pad the cells of a table, so that its columns are aligned."""
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    return [
        gap.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in table
    ]


def format_milliseconds(time: Quartiles) -> str:
    """Milliseconds of a time in seconds, such as '58.8 (57.1-60.2)'."""
    spec = '.2f' if time.median < 0.1 else '.1f'
    scaled = Quartiles(*(1e3 * t for t in (time.lower, time.median, time.upper)))
    return _format_quartiles(scaled, spec)


def _format_quartiles(values: Quartiles, spec: str) -> str:
    return f'{values.median:{spec}} ({values.lower:{spec}}-{values.upper:{spec}})'


def _in_mib(number: float | None) -> str:
    return NO_FIGURE if number is None else f'{number / 2**20:.1f}'
