"""The figures of a benchmark as a chart."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .condition import Row
from .results import Results, describe_condition
from .summary import find_quartiles
from .table import format_milliseconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = ('.png', '.svg', '.pdf')
#: Characters of a reason that fit beside the names.
MAX_REASON = 70
BAR_COLOUR, REFERENCE_COLOUR = '#3b75af', '#8c8c8c'


def draw_chart(results: Results, machine: Mapping[str, str], path: str | Path) -> bool:
    """Draw one panel per condition, and the growth with the size if there are several.

    Args:
        results (Results): The benchmark.
        machine (Mapping[str, str]): What all figures depend on, for the title.
        path (str | Path): The file to write.

    Returns:
        bool: Whether there was anything to draw; if not, nothing is written.
    """
    measured = [rows for rows in results.rows if any(row.seconds for row in rows)]
    if not measured:
        return False
    # Without pyplot, which would keep every figure and choose a display.
    from matplotlib.figure import Figure

    growth = _group_growth(results)
    heights = [0.5 * len(rows) + 0.9 for rows in measured] + [4.0] * len(growth)
    figure = Figure(figsize=(9, sum(heights) + 0.7), layout='constrained')
    panels = figure.subplots(
        len(heights), 1, squeeze=False, height_ratios=heights
    ).flatten()
    for axes, rows in zip(panels, measured):
        _draw_bars(axes, results, rows)
    for axes, (title, lines) in zip(panels[len(measured) :], growth.items()):
        _draw_growth(axes, title, lines, results.batch)
    device = machine.get('GPU') or machine['processor'].partition(' (')[0]
    figure.suptitle(f'{device}, threads: {machine["threads"]}\n{machine["versions"]}')
    figure.savefig(path, dpi=120)
    return True


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


Line = tuple[list[tuple[int, float]], float]


def _group_growth(results: Results) -> dict[str, dict[str, Line]]:
    """Points and exponent of each model, by pass and type."""
    points = results.group_by_size()
    groups: dict[str, dict[str, Line]] = {}
    for key, exponent in results.find_exponents().items():
        name, dtype, label = key
        groups.setdefault(f'{name}, {dtype}', {})[label] = (sorted(points[key]), exponent)
    return groups


def _draw_growth(axes: 'Axes', title: str, lines: Mapping[str, Line], batch: int) -> None:
    """Time per image over the number of pixels, both on logarithmic axes."""
    from matplotlib.ticker import LogFormatter

    for label, (points, exponent) in lines.items():
        pixels, seconds = zip(*points)
        axes.plot(
            pixels,
            [time * 1e3 / batch for time in seconds],
            marker='o',
            label=f'{label}: pixels^{exponent:.2f}',
        )
    axes.set_xscale('log')
    axes.set_yscale('log')
    sizes = sorted({pixels for points, _ in lines.values() for pixels, _ in points})
    axes.set_xticks(sizes, [f'{pixels:,}' for pixels in sizes])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.5)))
    axes.set_title(title, fontsize='medium')
    axes.set_xlabel('pixels of an image')
    axes.set_ylabel('milliseconds per image')
    axes.grid(True, which='both', alpha=0.3)
    axes.legend(fontsize='small')
