"""The figures of a benchmark as a chart."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .condition import Row
from .growth import group_growth
from .growth_chart import draw_growth
from .results import Results, describe_condition
from .summary import find_quartiles
from .table import format_milliseconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = ('.png', '.svg', '.pdf')
#: Characters of a reason that fit beside the names.
MAX_REASON = 70
BAR_COLOUR, REFERENCE_COLOUR = '#3b75af', '#8c8c8c'


def draw_chart(results: Results, machine: Mapping[str, str], path: str | Path) -> bool:
    """Draw a chart into a file; see :func:`build_chart`.

    Args:
        results (Results): The benchmark.
        machine (Mapping[str, str]): What all figures depend on, for the title.
        path (str | Path): The file to write.

    Returns:
        bool: Whether there was anything to draw; if not, nothing is written.
    """
    figure = build_chart(results, machine)
    if figure:
        figure.savefig(path, dpi=120)
    return figure is not None


def build_chart(results: Results, machine: Mapping[str, str]) -> 'Figure | None':
    """Draw times as bars, or for several sizes how figures grow with the size.

    Args:
        results (Results): The benchmark.
        machine (Mapping[str, str]): What all figures depend on, for the title.

    Returns:
        Figure | None: One panel per condition, or a row of panels per kind of input, pass
        and type. None if there is nothing to draw.
    """
    growth = group_growth(results)
    if growth:
        figure = draw_growth(growth, results.batch)
    else:
        measured = [rows for rows in results.rows if any(row.seconds for row in rows)]
        if not measured:
            return None
        figure = _draw_conditions(results, measured)
    device = machine.get('GPU') or machine['processor'].partition(' (')[0]
    figure.suptitle(f'{device}, threads: {machine["threads"]}\n{machine["versions"]}')
    return figure


def _draw_conditions(results: Results, measured: Sequence[Sequence[Row]]) -> 'Figure':
    # Without pyplot, which would keep every figure and choose a display.
    from matplotlib.figure import Figure

    heights = [0.5 * len(rows) + 0.9 for rows in measured]
    figure = Figure(figsize=(9, sum(heights) + 0.7), layout='constrained')
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)
    for axes, rows in zip(panels.flatten(), measured):
        _draw_bars(axes, results, rows)
    return figure


def _draw_bars(axes: 'Axes', results: Results, rows: Sequence[Row]) -> None:
    """Times with quartiles, the ratio to the reference beside."""
    reference = results.find_reference(rows)
    for position, row in enumerate(rows):
        if not row.seconds:
            reason = textwrap.shorten(row.failure, MAX_REASON, placeholder='...')
            axes.text(0, position, f' {reason}', va='center', fontsize='small')
            continue
        time = find_quartiles(row.seconds)
        lower, upper = time.median - time.lower, time.upper - time.median
        axes.barh(
            position,
            time.median * 1e3,
            xerr=[[lower * 1e3], [upper * 1e3]],
            color=REFERENCE_COLOUR if row is reference else BAR_COLOUR,
            capsize=3,
        )
        ratios = results.find_ratios(row, rows)
        text = format_milliseconds(time).partition(' ')[0] + ' ms'
        if ratios and row is not reference:
            text += f', ratio {ratios.median:.2f}'
        axes.annotate(
            text,
            (time.upper * 1e3, position),
            xytext=(6, 0),
            textcoords='offset points',
            va='center',
            fontsize='small',
        )
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    longest = max(find_quartiles(row.seconds).upper for row in rows if row.seconds)
    axes.set_xlim(0, 1.35 * longest * 1e3)  # with space for what is written at a bar
    axes.set_title(
        describe_condition(rows[0].condition, results.batch), fontsize='medium'
    )
    axes.set_xlabel('milliseconds')
    axes.spines[['top', 'right']].set_visible(False)
