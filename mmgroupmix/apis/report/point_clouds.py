"""What is recorded of point clouds: classes, or how well their parts were found."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.structures import BaseDataElement

from ...point_clouds.dataset import name_cloud
from ...point_clouds.metrics import compute_shape_iou
from .classification import ClassificationCollector
from .collector import Collector
from .contents import Evaluation, Panel, Table, format_percent


class CloudCollector(ClassificationCollector):
    """Classification of clouds, recorded as that of images."""

    def measure(
        self, sample: BaseDataElement, find_info: Callable[[], Mapping]
    ) -> tuple[float, Callable[[], Any]] | None:
        """Note the true class and the predicted one, and where the cloud is."""
        measured = super().measure(sample, find_info)
        if measured is None:
            return None
        score, build = measured
        name = describe_cloud(sample)
        return score, lambda: (name, build())

    def draw(self, content: Any) -> list[Panel]:
        """Describe the cloud, the truth and the prediction."""
        name, labels = content
        return [Panel('cloud', name), *super().draw(labels)]


class PartCollector(Collector):
    """Keeps the IoU of each shape's parts.

    Args:
        meta (Mapping): ``metainfo`` of the dataset.
        metrics (Sequence[BaseMetric]): Not used.
    """

    score_name = 'pIoU of the shape'
    is_drawn = False

    def __init__(self, meta: Mapping, metrics: Sequence[BaseMetric]):
        super().__init__(meta, metrics)
        self.categories = list(meta.get('categories') or ())
        self.ious: dict[int, list[float]] = defaultdict(list)

    def measure(
        self, sample: BaseDataElement, find_info: Callable[[], Mapping]
    ) -> tuple[float, Callable[[], Any]] | None:
        """Note the IoU of a shape."""
        if 'gt_parts' not in sample or 'pred_parts' not in sample:
            return None
        truth, predicted = sample.gt_parts.cpu().numpy(), sample.pred_parts.cpu().numpy()
        iou = compute_shape_iou(truth, predicted, sample.part_range)
        self.ious[int(sample.category)].append(iou)
        right = float((truth == predicted).mean())
        described = describe_cloud(sample), self._name(sample.category), right
        return iou, lambda: described

    def merge(self, other: Collector) -> None:
        """Add what another process has recorded."""
        super().merge(other)
        assert isinstance(other, PartCollector)
        for category, ious in other.ious.items():
            self.ious[category].extend(ious)

    def fill(
        self, evaluation: Evaluation, class_metrics: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Add the IoU of each category."""
        rows = [
            [self._name(category), str(len(ious)), format_percent(sum(ious) / len(ious))]
            for category, ious in sorted(self.ious.items())
        ]
        header = ['category', 'shapes', 'pIoU']
        caption = 'Mean pIoU of the shapes of each category in per cent'
        evaluation.tables.append(Table(caption, header, rows))

    def draw(self, content: Any) -> list[Panel]:
        """Describe the shape."""
        name, category, right = content
        return [
            Panel('shape', f'{name}, {category}'),
            Panel('prediction', f'{format_percent(right)} % of the points are right'),
        ]

    def _name(self, category: int) -> str:
        known = category < len(self.categories)
        return self.categories[category] if known else f'category {category}'


def describe_cloud(sample: BaseDataElement) -> str:
    """The file of a cloud, and its place in it."""
    return name_cloud(sample.cloud_path, sample.cloud_index)
