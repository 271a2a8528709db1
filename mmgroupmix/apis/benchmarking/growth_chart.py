"""A chart of how the figures of models grow with the size of their input."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .growth import QUANTITIES, Group, Growth, find_growth, find_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Width and height of a panel in inches.
PANEL = (4.2, 3.4)
#: What the sizes of a unit belong to.
OWNERS = dict(pixels='image', points='cloud')


def draw_growth(groups: Mapping[Group, Growth], batch: int) -> 'Figure':
    """Draw figures over sizes on logarithmic axes, with their exponents.

    Args:
        groups (Mapping[Group, Growth]): Of :func:`group_growth`, one or more.
        batch (int): Images per step.

    Returns:
        Figure: A row of panels per group, a column per quantity.
    """
    # Without pyplot, which would keep every figure and choose a display.
    from matplotlib.figure import Figure

    width, height = PANEL
    figure = Figure(
        figsize=(width * len(QUANTITIES), height * len(groups) + 0.7),
        layout='constrained',
    )
    panels = figure.subplots(len(groups), len(QUANTITIES), squeeze=False)
    for row, (group, growth) in zip(panels, groups.items()):
        for axes, quantity in zip(row, QUANTITIES):
            _draw_panel(axes, group, growth, quantity, batch)
    return figure


def _draw_panel(
    axes: 'Axes', group: Group, growth: Growth, quantity: str, batch: int
) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    owner = OWNERS[group.unit]
    label, scale = {
        'multiply-adds': (f'multiply-adds per {owner} (G)', 1e-9),
        'peak memory': (f'peak memory at batch {batch} (MiB)', 2**-20),
        'time': (f'time per {owner} (ms)', 1e3 / batch),
    }[quantity]
    sizes: set[int] = set()
    for model, rows in growth.items():
        points = find_points(rows, quantity)
        if not points:
            continue
        exponent = find_growth(rows, quantity)
        power = '' if exponent is None else f': {group.unit}^{exponent:.2f}'
        numbers, figures = zip(*points)
        axes.plot(numbers, [f * scale for f in figures], marker='o', label=model + power)
        sizes.update(numbers)
    axes.set_xscale('log')
    axes.set_yscale('log')
    ticks = sorted(sizes)
    axes.set_xticks(ticks, [f'{size:,}' for size in ticks], fontsize='small')
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter('{x:g}')
    axes.yaxis.set_minor_formatter(NullFormatter())
    name = 'training step' if group.name == 'train' else group.name
    axes.set_title(f'{quantity}, {name}, {group.dtype}', fontsize='medium')
    axes.set_xlabel(f'{group.unit} of {"an" if owner == "image" else "a"} {owner}')
    axes.set_ylabel(label)
    axes.grid(True, which='both', alpha=0.3)
    if sizes:
        axes.legend(fontsize='small')
