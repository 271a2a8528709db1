"""What a page shows of an evaluation: tables, a confusion matrix and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

#: Of the table of metrics per class.
CAPTION = 'Metrics of each class in per cent'


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows.

    Attributes:
        caption (str): What it shows.
        header (Sequence[str]): Names of the columns.
        rows (Sequence[Sequence[str]]): Cells, formatted.
        note (str): How to read it. Defaults to ''.
        num_names (int): The first so many columns are names, the others numbers.
            Defaults to 1.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ''
    num_names: int = 1


@dataclass(frozen=True)
class ConfusionMatrix:
    """How often each true class was predicted as each class.

    Attributes:
        counts (np.ndarray): Integers, (true classes, predicted classes).
        true_names (Sequence[str]): Names of the rows.
        predicted_names (Sequence[str]): Names of the columns.
        unit (str): What is counted, as 'pixels'.
        origin (str): The formula and the settings that it was counted by.
    """

    counts: np.ndarray
    true_names: Sequence[str]
    predicted_names: Sequence[str]
    unit: str
    origin: str


class Box(NamedTuple):
    """A box in the pixels of the image, with its colour and its label."""

    x: float
    y: float
    width: float
    height: float
    color: str
    label: str


class Outline(NamedTuple):
    """A polygon in the pixels of the image, as SVG writes points, and its colour."""

    points: str
    color: str


@dataclass(frozen=True)
class Panel:
    """The labels of an image, or the predictions for it.

    Attributes:
        title (str): 'truth' or 'prediction'.
        description (str): The same in words.
        boxes (Sequence[Box]): Boxes to draw. Defaults to none.
        outlines (Sequence[Outline]): Masks to draw. Defaults to none.
        raster (str): A data URI of a transparent image to lay over the photo. Defaults
            to '': none.
        legend (Sequence[tuple[str, str]]): Colours and what they stand for. Defaults to
            none.
    """

    title: str
    description: str
    boxes: Sequence[Box] = ()
    outlines: Sequence[Outline] = ()
    raster: str = ''
    legend: Sequence[tuple[str, str]] = ()


class Photo(NamedTuple):
    """An image as a data URI, and the size of the original in pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """An image of the evaluation with its labels and predictions.

    Attributes:
        name (str): The image file, below the folder of all of them.
        score (str): Formatted.
        photo (Photo | None): None if the image cannot be read again.
        panels (Sequence[Panel]): Truth and prediction.
    """

    name: str
    score: str
    photo: Photo | None
    panels: Sequence[Panel]


@dataclass
class Evaluation:
    """What an evaluation showed.

    Attributes:
        score_name (str): What the images are ranked by.
        is_drawn (bool): Whether truth and prediction are drawn, each on its own copy of
            the image, or only named.
        num_images (int): Images that were evaluated.
        tables (list[Table]): Metrics per class.
        confusion (ConfusionMatrix | None): None where there is nothing to compare.
        folder (str): Where the images are.
        best (list[Picture]): The best images.
        worst (list[Picture]): The worst images.
        notes (list[str]): What is missing, and why.
    """

    score_name: str
    is_drawn: bool = True
    num_images: int = 0
    tables: list[Table] = field(default_factory=list)
    confusion: ConfusionMatrix | None = None
    folder: str = ''
    best: list[Picture] = field(default_factory=list)
    worst: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def format_percent(value: float) -> str:
    """A fraction in per cent; a dash for NaN, which is the mean of nothing."""
    return '–' if np.isnan(value) else f'{100 * value:.1f}'  # noqa: RUF001


def format_share(share: float) -> str:
    """A share of the labels in per cent, such as '3.12 %' or '0 %'."""
    return f'{100 * share:.3g} %'
