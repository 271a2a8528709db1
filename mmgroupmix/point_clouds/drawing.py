"""Drawings of point clouds: three views, coloured by part or by height."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

#: Name of each view, the axes that it shows to the right and upwards, and the depth.
VIEWS = (('front', 0, 1, 2), ('side', 2, 1, 0), ('top', 0, 2, 1))
DPI = 100
#: Area of a point among 2048, in the unit of matplotlib; fewer points are larger.
MARKER_SIZE, NUM_POINTS = 6, 2048
COLORS = (
    '#4269d0', '#efb118', '#ff725c', '#6cc5b0', '#3ca951', '#a463f2', '#9c6b4e',
    '#97bbf5', '#9498a0',
)  # fmt: skip


def draw_classes(points: np.ndarray, truth: str, prediction: str) -> np.ndarray:
    """Draw a cloud in three views, with its class and the predicted one.

    Args:
        points (np.ndarray): (N, 3).
        truth (str): The class.
        prediction (str): What was predicted.

    Returns:
        np.ndarray: RGB, (H, W, 3), uint8.
    """
    figure, axes = _build_figure(1)
    _draw_row(axes[0], points, points[:, 2])
    figure.suptitle(f'truth: {truth}    prediction: {prediction}', y=0.98)
    return _render(figure)


def draw_parts(
    points: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    part_names: Sequence[str],
    first_part: int,
    title: str,
) -> np.ndarray:
    """Draw a shape in three views, the truth above the prediction.

    Args:
        points (np.ndarray): (N, 3).
        truth (np.ndarray): Part of each point, (N, ).
        prediction (np.ndarray): Predicted part of each point, (N, ).
        part_names (Sequence[str]): Names of the parts of the category, for the legend.
        first_part (int): The first part of the category.
        title (str): The category and the score of the shape.

    Returns:
        np.ndarray: RGB, (H, W, 3), uint8.
    """
    figure, axes = _build_figure(2)
    palette = np.array(COLORS)
    for row, name, parts in ((0, 'truth', truth), (1, 'prediction', prediction)):
        _draw_row(axes[row], points, palette[(parts - first_part) % len(palette)])
        axes[row][0].set_ylabel(name)
    handles = [
        Line2D(
            [], [], linestyle='', marker='o', color=COLORS[i % len(COLORS)], label=name
        )
        for i, name in enumerate(part_names)
    ]
    figure.legend(handles=handles, loc='lower center', ncols=6, frameon=False)
    figure.suptitle(title, y=0.98)
    return _render(figure)


def _build_figure(rows: int) -> tuple[Figure, Any]:
    height = 1.2 + 2.9 * rows  # inches, of which 0.8 are for titles and 0.4 for a legend
    figure = Figure(figsize=(9, height), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, len(VIEWS), squeeze=False)
    figure.subplots_adjust(
        left=0.05, right=0.98, bottom=0.4 / height, top=1 - 0.8 / height, wspace=0.05
    )
    return figure, axes


def _draw_row(axes: Sequence, points: np.ndarray, colors: np.ndarray) -> None:
    for axis, (name, right, up, depth) in zip(axes, VIEWS):
        order = np.argsort(points[:, depth])  # near points hide far ones
        shown = points[order]
        size = MARKER_SIZE * (NUM_POINTS / len(points)) ** 0.5
        axis.scatter(shown[:, right], shown[:, up], s=size, c=colors[order], linewidths=0)
        axis.set(title=name, xticks=[], yticks=[])
        axis.set_aspect('equal', adjustable='datalim')


def _render(figure: Figure) -> np.ndarray:
    figure.canvas.draw()
    canvas: Any = figure.canvas
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
