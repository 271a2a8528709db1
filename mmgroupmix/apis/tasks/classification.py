"""Image classification, by mmpretrain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.evaluator import BaseMetric, DumpResults
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement

from ...mini_data import DET_CLASSES, write_mini_imagenet
from ..config.tree import as_list, type_name
from ..inference.json_list import JsonListWriter, NonFinitePredictionError
from ..inference.memory import MemoryLimit
from ..inference.sources import Frame
from ..report.classification import ClassificationCollector
from .detection import check_pickle_name
from .task import DemoSettings, ResultWriter, Task

#: Classes that are written and drawn for each image.
TOP_K = 5
#: Metrics that read Pascal VOC's difficult labels, and those that they extend.
VOC_METRICS = dict(
    VOCMultiLabelMetric='mmpretrain.MultiLabelMetric',
    VOCAveragePrecision='mmpretrain.AveragePrecision',
)
#: Class names and scores are written on the image, and would not fit on a smaller one.
MIN_DRAWN_SIDE = 320
#: An image is not enlarged if its long side would exceed this.
MAX_DRAWN_SIDE = 2000


class ClassificationWriter(ResultWriter):
    """Writes ``predictions.json``: the five best classes of each image, the best first.

    Args:
        folder (Path): Where to write.
        inferencer (BaseInferencer): mmpretrain's.
    """

    def __init__(self, folder: Path, inferencer: BaseInferencer):
        super().__init__(JsonListWriter(folder / 'predictions.json'))
        self.classes = inferencer.classes

    def add(self, frame: Frame, prediction: BaseDataElement) -> None:
        """Write the best classes of an image."""
        scores = prediction.pred_score
        if not scores.isfinite().all():
            raise NonFinitePredictionError('its scores are NaN or infinite')
        values, labels = scores.topk(min(TOP_K, len(scores)))
        best = []
        for label, score in zip(labels.tolist(), values.tolist()):
            name = dict(name=self.classes[label]) if self.classes else {}
            best.append(dict(label=label, score=score, **name))
        self.predictions.add(dict(frame.describe(), predictions=best))


@dataclass(frozen=True)
class ImageClassification(Task):
    """Image classification."""

    def mini_dataset(self, original: Mapping, split: str, suffix: str | None) -> dict:
        """The config of a mini ImageNet."""
        return dict(type='mmpretrain.ImageNet', split=split)

    def adapt_pipeline(self, pipeline: list[dict]) -> list[dict]:
        """Load and resize images where a pipeline does not.

        Datasets such as CIFAR provide images of one size, already in memory.
        """
        if any(type_name(transform).startswith('Load') for transform in pipeline):
            return pipeline
        sizes = [t['crop_size'] for t in pipeline if t.get('crop_size')]
        side = sizes[0] if sizes and isinstance(sizes[0], int) else 32
        load = dict(type='LoadImageFromFile')
        return [load, dict(type='Resize', scale=(side, side)), *pipeline]

    def mini_evaluators(
        self, evaluators: list[dict], cfg: Config, root: Path
    ) -> list[dict]:
        """The config's metrics, without what the data do not have.

        That is a top-k of more classes than there are, and Pascal VOC's difficult labels.
        """
        num_outputs = self.num_outputs(cfg.model)
        for evaluator in evaluators:
            if type_name(evaluator) in VOC_METRICS:
                evaluator['type'] = VOC_METRICS[type_name(evaluator)]
                evaluator.pop('difficult_as_positive', None)
            ks = as_list(evaluator.get('topk'))
            if num_outputs and ks and max(ks) > num_outputs:
                evaluator['topk'] = tuple(k for k in ks if k <= num_outputs) or (1,)
        return evaluators

    def enable_drawing(self, hook: dict, class_names: Sequence[str]) -> None:
        """Let the hook draw, with a name for whichever output wins."""
        hook.update(enable=True, classes=class_names)

    def write_predictions(self, cfg: Config, out: str) -> BaseMetric | None:
        """Dump predictions to a pickle file."""
        check_pickle_name(out)
        return DumpResults(out_file_path=out)

    def draw_into(self, cfg: Config, hook: dict, folder: str) -> None:
        """Draw every image."""
        hook.update(enable=True, out_dir=folder, interval=1)

    def build_inferencer(self, cfg: Config, weights: str, device: str) -> BaseInferencer:
        """Build mmpretrain's inferencer, with a name for every output."""
        from mmpretrain.apis import ImageClassificationInferencer

        inferencer = ImageClassificationInferencer(cfg, weights, device=device)
        if inferencer.classes:
            # A demo's data have fewer classes than the model has outputs; any may win.
            known = len(inferencer.classes)
            unnamed = range(known, self.num_outputs(cfg.model) or known)
            inferencer.classes = (*inferencer.classes, *(f'class {i}' for i in unnamed))
        return inferencer

    def draw(
        self,
        inferencer: BaseInferencer,
        frame: Frame,
        prediction: BaseDataElement,
        score_thr: float,
        limit: MemoryLimit,
    ) -> np.ndarray:
        """Write the best classes on the image, enlarged if it is small."""
        if inferencer.visualizer is None:
            from mmpretrain.visualization import UniversalVisualizer

            inferencer.visualizer = UniversalVisualizer()
        image, scores = frame.rgb(), prediction.pred_score
        best = scores.topk(min(TOP_K, len(scores))).indices
        short, long = sorted(image.shape[:2])
        enlarge = short < MIN_DRAWN_SIDE < MAX_DRAWN_SIDE * short / long
        return inferencer.visualizer.visualize_cls(
            image,
            prediction.clone().set_pred_label(best),
            classes=inferencer.classes,
            resize=MIN_DRAWN_SIDE if enlarge else None,
            draw_gt=False,
        )


CLASSIFICATION = ImageClassification(
    name='image classification',
    toolbox='mmpretrain',
    head_keys=('head',),
    visualizer='mmpretrain.UniversalVisualizer',
    visualization_hook='mmpretrain.VisualizationHook',
    tta_model=dict(type='mmpretrain.AverageClsScoreTTA'),
    can_draw_tta=False,
    result_writer=ClassificationWriter,
    collector=ClassificationCollector,
    demo=DemoSettings(
        layout='imagenet',
        write_data=write_mini_imagenet,
        num_images=(400, 100),
        default_classes=len(DET_CLASSES),
        min_classes=1,
        max_classes=len(DET_CLASSES),
        side=64,
        batch_size=16,
        full_size_batch_size=4,
        iterations=250,
        log_interval=10,
        min_adaptive_lr=5e-4,
        sgd_lr_factor=0.5,
    ),
)
