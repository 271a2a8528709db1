"""What is recorded of an evaluation while it runs: counts, and the images to show."""

import colorsys
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from mmengine.evaluator import BaseMetric
from mmengine.structures import BaseDataElement

from .contents import Evaluation, Panel, Photo, Picture
from .ranking import RankedImage, Ranking

NO_LABELS = 'There is nothing to compare: no image has labels that fit its prediction.'


class Collector(ABC):
    """Records the images of one evaluation, in memory that does not grow with images.

    Args:
        meta (Mapping): ``metainfo`` of the dataset.
        metrics (Sequence[BaseMetric]): The metrics of the evaluation.

    Attributes:
        score_name (str): What the images are ranked by.
        is_drawn (bool): Whether truth and prediction are drawn on the image.
        num_images (int): Images so far.
        num_unlabelled (int): Those of them without labels.
    """

    score_name: ClassVar[str]
    is_drawn: ClassVar[bool] = True

    def __init__(self, meta: Mapping, metrics: Sequence[BaseMetric]):
        self.classes = [str(name) for name in meta.get('classes') or ()]
        self.palette = list(meta.get('palette') or ())
        self.ranking = Ranking()
        self.num_images = self.num_unlabelled = 0

    def add(
        self,
        sample: BaseDataElement,
        find_info: Callable[[], Mapping],
        position: int,
    ) -> None:
        """Record an image.

        Args:
            sample (BaseDataElement): The prediction, with the labels that the pipeline
                has loaded.
            find_info (Callable[[], Mapping]): Finds the entry of the dataset, an empty
                one if it has none.
            position (int): Of the image in the dataset.
        """
        self.num_images += 1
        measured = self.measure(sample, find_info)
        if measured is None:
            self.num_unlabelled += 1
            return
        score, build = measured
        self.ranking.add(score, position, str(sample.get('img_path') or ''), build)

    @abstractmethod
    def measure(
        self, sample: BaseDataElement, find_info: Callable[[], Mapping]
    ) -> tuple[float, Callable[[], Any]] | None:
        """Count an image; the arguments are those of :meth:`add`.

        Returns:
            tuple | None: Its score, NaN if there is nothing to compare, and a function
            that builds what is needed to draw it. None for an image without labels.
        """

    def merge(self, other: 'Collector') -> None:
        """Add what another process has recorded."""
        self.num_images += other.num_images
        self.num_unlabelled += other.num_unlabelled
        self.ranking.merge(other.ranking)

    def summarize(
        self,
        read_photo: Callable[[RankedImage], Photo | None],
        class_metrics: Mapping[str, Mapping[str, float]],
    ) -> Evaluation:
        """What the page shows of the evaluation.

        Args:
            read_photo (Callable): Reads an image again.
            class_metrics (Mapping): Names of metrics per class that the evaluator has
                computed, and the value of each class by its name.
        """
        evaluation = Evaluation(self.score_name, self.is_drawn, self.num_images)
        if self.num_unlabelled == self.num_images:
            evaluation.notes.append(NO_LABELS)
            return evaluation
        self.fill(evaluation, class_metrics)
        best, worst = self.ranking.split()
        evaluation.folder = find_common_folder(one.name for one in (*best, *worst))
        for images, pictures in ((best, evaluation.best), (worst, evaluation.worst)):
            for image in images:
                name = image.name.removeprefix(evaluation.folder).lstrip('/')
                score = f'{100 * image.score:.1f} %'
                panels = self.draw(image.content)
                pictures.append(Picture(name, score, read_photo(image), panels))
        return evaluation

    @abstractmethod
    def fill(
        self, evaluation: Evaluation, class_metrics: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Add tables, the confusion matrix and notes to an evaluation."""

    @abstractmethod
    def draw(self, content: Any) -> list[Panel]:
        """Draw the labels and the predictions of an image."""

    def get_name(self, index: int) -> str:
        """The name of a class; a model may have more outputs than there are names."""
        return self.classes[index] if index < len(self.classes) else f'class {index}'

    def get_color(self, index: int) -> str:
        """The colour of a class, by the dataset or else one of many different ones."""
        if index < len(self.palette):
            red, green, blue = (int(value) for value in self.palette[index][:3])
        else:
            # Multiples of the golden ratio are spread evenly over the circle of hues.
            rgb = colorsys.hls_to_rgb(index * 0.618034 % 1, 0.5, 0.8)
            red, green, blue = (round(255 * value) for value in rgb)
        return f'#{red:02x}{green:02x}{blue:02x}'


def find_common_folder(names: Iterable[str]) -> str:
    """The innermost folder that holds all files, '' if there is none."""
    try:
        return os.path.commonpath([os.path.dirname(name) for name in names])
    except ValueError:  # no names, or relative and absolute ones
        return ''
