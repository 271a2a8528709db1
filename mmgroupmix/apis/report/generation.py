"""What is recorded of image generation: how many images were compared."""

from collections.abc import Callable, Mapping
from typing import Any

from mmengine.structures import BaseDataElement

from .collector import Collector
from .contents import Evaluation, Panel, Photo
from .ranking import RankedImage

NOTE = (
    'The scores are those of a set of images: no image has one of its own. Drawn images '
    'are in vis_data/vis_image of the log folder.'
)


class GenerationCollector(Collector):
    """Counts images; the arguments are those of ``Collector``."""

    score_name = 'none'
    is_drawn = False

    def measure(
        self, sample: BaseDataElement, find_info: Callable[[], Mapping]
    ) -> tuple[float, Callable[[], Any]] | None:
        """Nothing is measured of a single image."""
        return None

    def summarize(
        self,
        read_photo: Callable[[RankedImage], Photo | None],
        class_metrics: Mapping[str, Mapping[str, float]],
    ) -> Evaluation:
        """Say what the scores are of."""
        return Evaluation(self.score_name, False, self.num_images, notes=[NOTE])

    def fill(
        self, evaluation: Evaluation, class_metrics: Mapping[str, Mapping[str, float]]
    ) -> None:
        """There is nothing to add."""

    def draw(self, content: Any) -> list[Panel]:
        """There is nothing to draw."""
        return []
