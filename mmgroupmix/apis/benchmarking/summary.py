"""Medians, quartiles, ratios and exponents of measured times."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Quartiles:
    """A median and the quartiles around it."""

    lower: float
    median: float
    upper: float


def find_quartiles(values: Sequence[float]) -> Quartiles:
    """The quartiles of one value or more, each within their range."""
    if len(values) == 1:
        return Quartiles(values[0], values[0], values[0])
    return Quartiles(*statistics.quantiles(values, n=4, method='inclusive'))


def find_ratios(seconds: Sequence[float], reference: Sequence[float]) -> Quartiles:
    """The quartiles of the ratios of two models' times in each round.

    Args:
        seconds (Sequence[float]): Times of a model, one per round.
        reference (Sequence[float]): Times of the reference in the same rounds.

    Returns:
        Quartiles: Below 1 where the model is faster.
    """
    return find_quartiles([a / b for a, b in zip(seconds, reference, strict=True)])


def find_exponent(sizes: Sequence[int], figures: Sequence[float]) -> float:
    """The exponent e of the power law figure = c * size^e that fits best.

    Args:
        sizes (Sequence[int]): Two different numbers or more.
        figures (Sequence[float]): A figure above 0 for each of them.

    Returns:
        float: The slope of the line of least squares through the logarithms.
    """
    line = statistics.linear_regression(
        [math.log(size) for size in sizes], [math.log(figure) for figure in figures]
    )
    return line.slope
