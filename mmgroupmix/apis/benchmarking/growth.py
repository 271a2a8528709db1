"""How the figures of models grow with the size of their input."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .condition import Row
from .results import Results
from .summary import find_exponent, find_quartiles

#: What grows, by its name: functions of a row that has times.
QUANTITIES: dict[str, Callable[[Row], float | None]] = {
    'multiply-adds': lambda row: row.multiply_adds,
    'peak memory': lambda row: row.peak,
    'time': lambda row: find_quartiles(row.seconds).median,
}


class Group(NamedTuple):
    """What curves have in common that can be compared.

    Attributes:
        unit (str): What sizes count, 'pixels' of an image or 'points' of a cloud.
        name (str): The pass.
        dtype (str): The type.
    """

    unit: str
    name: str
    dtype: str


#: Rows with times of each model, the smallest input first.
Growth = dict[str, list[Row]]


def group_growth(results: Results) -> dict[Group, Growth]:
    """Group the rows of a benchmark with several sizes.

    Args:
        results (Results): The benchmark.

    Returns:
        dict[Group, Growth]: The rows by group and model, those of images first; empty if
        no model has times at two sizes.
    """
    groups: dict[Group, Growth] = {}
    for row in (row for rows in results.rows for row in rows if row.seconds):
        condition = row.condition
        group = Group(row.unit, condition.name, condition.dtype_name)
        groups.setdefault(group, {}).setdefault(row.label, []).append(row)
    for growth in groups.values():
        for rows in growth.values():
            rows.sort(key=count_size)
    grows = any(
        count_size(rows[0]) < count_size(rows[-1])
        for growth in groups.values()
        for rows in growth.values()
    )
    return dict(sorted(groups.items(), key=lambda item: item[0].unit)) if grows else {}


def count_size(row: Row) -> int:
    """The pixels of an image, or the points of a cloud."""
    height, width = row.condition.size
    return height * width


def find_points(rows: Sequence[Row], quantity: str) -> list[tuple[int, float]]:
    """Sizes and figures above 0 of the rows of a model, for logarithmic axes."""
    figures = ((count_size(row), QUANTITIES[quantity](row)) for row in rows)
    return [(size, figure) for size, figure in figures if figure]


def find_growth(rows: Sequence[Row], quantity: str) -> float | None:
    """The exponent of a quantity over the size.

    Args:
        rows (Sequence[Row]): Those of a model.
        quantity (str): A name in ``QUANTITIES``.

    Returns:
        float | None: None with fewer than two sizes.
    """
    points = find_points(rows, quantity)
    if len({size for size, _ in points}) < 2:
        return None
    sizes, figures = zip(*points)
    return find_exponent(sizes, figures)
