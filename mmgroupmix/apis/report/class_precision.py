"""Average precision per class, read from the evaluation that a detector's metric makes.

``CocoMetric(classwise=True)`` puts each class among the logged metrics, those of masks in
place of those of boxes. Here both are read and the log stays as it is.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

#: The value of each class by its name, for each metric.
ClassMetrics = dict[str, dict[str, float]]


def record_class_precision(metric: BaseMetric, found: ClassMetrics) -> None:
    """Let a metric add what it computes for each class to ``found``.

    It works for metrics that use pycocotools' ``COCOeval`` or mmdetection's ``eval_map``.

    Args:
        metric (BaseMetric): A metric that is built.
        found (ClassMetrics): Filled whenever the metric is computed.
    """
    compute: Any = metric.compute_metrics

    def compute_and_record(results: list) -> dict:
        with _record_coco(found), _record_voc(metric, found):
            return compute(results)

    metric.compute_metrics = compute_and_record


@contextmanager
def _record_coco(found: ClassMetrics) -> Iterator[None]:
    from pycocotools.cocoeval import COCOeval

    def record(evaluation: Any, *args: Any) -> None:
        accumulate(evaluation, *args)
        if evaluation.params.useCats:
            found.update(read_coco_evaluation(evaluation))

    accumulate, COCOeval.accumulate = COCOeval.accumulate, record
    try:
        yield
    finally:
        COCOeval.accumulate = accumulate


@contextmanager
def _record_voc(metric: BaseMetric, found: ClassMetrics) -> Iterator[None]:
    module = sys.modules[type(metric).__module__]
    eval_map: Callable | None = getattr(module, 'eval_map', None)
    if eval_map is None:
        yield
        return

    def record(*args: Any, iou_thr: float = 0.5, **options: Any) -> Any:
        mean, classes = eval_map(*args, iou_thr=iou_thr, **options)
        names = (metric.dataset_meta or {}).get('classes') or ()
        if isinstance(mean, float):  # several for ranges of sizes
            values = {
                name: float(one['ap']) if one['num_gts'] else np.nan
                for name, one in zip(names, classes)
            }
            found[f'AP{100 * iou_thr:.0f}'] = values
        return mean, classes

    module.eval_map = record  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.eval_map = eval_map  # type: ignore[attr-defined]


def read_coco_evaluation(evaluation: Any) -> ClassMetrics:
    """The average precision of each class, as pycocotools averages it over all.

    Args:
        evaluation (COCOeval): After ``accumulate``.

    Returns:
        ClassMetrics: 'box AP' and 'box AP50', or those of masks; NaN for a class without
        objects.
    """
    kind = 'mask' if evaluation.params.iouType == 'segm' else 'box'
    # IoU, recall, class, range of sizes, number of boxes; all sizes, most boxes.
    precision = evaluation.eval['precision'][..., 0, -1]
    names = [
        evaluation.cocoGt.cats[number]['name'] for number in evaluation.params.catIds
    ]
    thresholds = np.asarray(evaluation.params.iouThrs)
    selections: dict[str, Any] = {f'{kind} AP': slice(None)}
    if np.isclose(thresholds, 0.5).any():
        selections[f'{kind} AP50'] = np.isclose(thresholds, 0.5)
    return {
        key: {
            str(name): _average(precision[selection][..., i])
            for i, name in enumerate(names)
        }
        for key, selection in selections.items()
    }


def _average(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else float('nan')
