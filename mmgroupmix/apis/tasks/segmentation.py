"""Semantic segmentation, by mmsegmentation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement
from PIL import Image

from ...errors import UserError
from ...mini_data import SEG_CLASSES, write_mini_ade20k
from ..config.tree import as_list, type_name, walk
from ..inference.bounded_segmentation import bound_segmentation
from ..inference.interruption import remove_if_failed
from ..inference.json_list import JsonListWriter, NonFinitePredictionError, to_json
from ..inference.memory import DEFAULT_MAX_MEMORY, GIBIBYTE, MemoryLimit
from ..inference.sources import Frame
from ..report.segmentation import SegmentationCollector
from .label_map_drawing import draw_label_map, estimate_visualizer_bytes
from .task import DemoSettings, ResultWriter, Task

#: A PNG with a palette holds at most as many colours.
MAX_PALETTE_SIZE = 256
#: Metrics of mmsegmentation that do not read logits.
LABEL_MAP_METRICS = ('IoUMetric', 'CityscapesMetric')
#: Steps of a pipeline that load labels, which images to predict do not have.
LABEL_STEPS = ('LoadAnnotations', 'LoadDepthAnnotation')
#: Of a label map over its image.
OPACITY = 0.5


class SegmentationWriter(ResultWriter):
    """Writes ``label_maps/NAME.png``, class indices from 0 with a palette, and a list.

    ``predictions.json`` has the names of the classes and, for each image, its label map
    and the share of its pixels that belongs to each class.

    Args:
        folder (Path): Where to write.
        inferencer (BaseInferencer): mmsegmentation's.

    Raises:
        UserError: If the checkpoint does not name its classes, or there are too many.
    """

    def __init__(self, folder: Path, inferencer: BaseInferencer):
        self.folder = folder
        meta = inferencer.model.dataset_meta
        if not meta.get('classes') or not meta.get('palette'):
            raise UserError(
                'the checkpoint does not name its classes and their colours '
                '(meta.dataset_meta.classes, .palette). Save it with mmengine, or add '
                'them.'
            )
        self.classes = list(meta['classes'])
        if len(self.classes) > MAX_PALETTE_SIZE:
            raise UserError(
                f'{len(self.classes)} classes: a label map with a palette has at most '
                f'{MAX_PALETTE_SIZE}. Use tools/test.py --out for this model.'
            )
        # A full palette: Pillow stores only as many bits per pixel as the palette needs.
        self.palette = np.zeros((MAX_PALETTE_SIZE, 3), np.uint8)
        self.palette[: len(self.classes)] = meta['palette']
        header = f'{{"classes": {to_json(self.classes)}, "images": '
        super().__init__(JsonListWriter(folder / 'predictions.json', header, '}'))

    def add(self, frame: Frame, prediction: BaseDataElement) -> None:
        """Write the label map of an image."""
        if prediction.get('nan_logits'):
            raise NonFinitePredictionError('its logits are NaN')
        labels = prediction.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
        name = f'label_maps/{frame.stem}.png'
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        label_map = Image.fromarray(labels)
        label_map.putpalette(self.palette.ravel().tolist())
        with remove_if_failed(path):
            label_map.save(path)
        indices, pixels = np.unique(labels, return_counts=True)
        shares = {
            self._class_name(index): round(count / labels.size, 6)
            for index, count in zip(indices.tolist(), pixels.tolist())
        }
        self.predictions.add(
            dict(frame.describe(), label_map=name, share_of_pixels=shares)
        )

    def _class_name(self, index: int) -> str:
        # A demo's data have fewer classes than the model has outputs; any may win.
        return self.classes[index] if index < len(self.classes) else f'class {index}'


@dataclass(frozen=True)
class SemanticSegmentation(Task):
    """Semantic segmentation."""

    def mini_dataset(self, original: Mapping, split: str, suffix: str | None) -> dict:
        """The config of a mini ADE20K.

        ADE20KDataset reads the same layout, but accepts only class names among its own
        150.
        """
        folder = dict(train='training', val='validation')[split]
        return dict(
            type='mmseg.BaseSegDataset',
            reduce_zero_label=True,
            data_prefix=dict(
                img_path=f'images/{folder}', seg_map_path=f'annotations/{folder}'
            ),
            **(dict(img_suffix=suffix) if suffix else {}),
        )

    def adapt_pipeline(self, pipeline: list[dict]) -> list[dict]:
        """Load labels where a pipeline loads none: test sets without public labels."""
        if not pipeline or any(
            type_name(node) == 'LoadAnnotations' for _, node in walk(pipeline)
        ):
            return pipeline
        labels = dict(type='LoadAnnotations', reduce_zero_label=True)
        *before, last = pipeline
        if type_name(last) == 'TestTimeAug':
            *steps, pack = last['transforms']
            return [*before, dict(last, transforms=[*steps, [labels], pack])]
        return [*before, labels, last]

    def mini_evaluators(
        self, evaluators: list[dict], cfg: Config, root: Path
    ) -> list[dict]:
        """IoUMetric, which knows its classes from the data; it replaces others."""
        metrics = []
        for evaluator in evaluators:
            metric = dict(type='mmseg.IoUMetric', iou_metrics=['mIoU'])
            if type_name(evaluator) == 'IoUMetric':
                metric |= evaluator
                metric['iou_metrics'] = as_list(metric['iou_metrics'])
                metric.pop('format_only', None)
                metric.pop('output_dir', None)
            metrics.append(metric)
        return metrics

    def write_predictions(self, cfg: Config, out: str) -> BaseMetric | None:
        """Let IoUMetric write label maps as PNG into the folder ``out``."""
        if out.endswith(('.pkl', '.pickle')):
            raise UserError(f'--out {out}: segmentation writes a folder of PNG files')
        evaluators = as_list(cfg.test_evaluator)
        metrics = [one for one in evaluators if type_name(one) == 'IoUMetric']
        if not metrics:
            raise UserError('--out needs an IoUMetric in test_evaluator')
        metrics[0]['output_dir'] = out
        cfg.test_evaluator = evaluators
        return None

    def draw_into(self, cfg: Config, hook: dict, folder: str) -> None:
        """Draw every image, through a visualiser that saves into the folder."""
        hook.update(draw=True, interval=1)  # the classic hook skips in tests too
        cfg.setdefault('visualizer', dict(type=self.visualizer))
        cfg.visualizer['save_dir'] = folder
        cfg.visualizer.setdefault('vis_backends', [dict(type='LocalVisBackend')])

    def bound_test_memory(self, cfg: Config, model: Any) -> None:
        """Drop the logits of large images, for metrics that read label maps only."""
        evaluators = as_list(cfg.get('test_evaluator') or [])
        if all(type_name(one) in LABEL_MAP_METRICS for one in evaluators):
            num_bytes = int(DEFAULT_MAX_MEMORY * GIBIBYTE) // 4
            bound_segmentation(model, num_bytes)

    def build_inferencer(self, cfg: Config, weights: str, device: str) -> BaseInferencer:
        """Build mmsegmentation's inferencer."""
        from mmseg.apis import MMSegInferencer

        # By itself it leaves out the step that loads labels under its bare name only.
        dataset = cfg.test_dataloader.dataset
        dataset.pipeline = [
            step for step in dataset.pipeline if type_name(step) not in LABEL_STEPS
        ]
        return MMSegInferencer(cfg, weights, device=device)

    def bound_memory(self, inferencer: BaseInferencer, limit: MemoryLimit) -> None:
        """Keep logits at full size only if they take a quarter of the limit, at most."""
        bound_segmentation(inferencer.model, limit.num_bytes // 4, limit.check)

    def draw(
        self,
        inferencer: BaseInferencer,
        frame: Frame,
        prediction: BaseDataElement,
        score_thr: float,
        limit: MemoryLimit,
    ) -> np.ndarray:
        """Draw the label map, half transparent: mmseg's 0.8 hides most of the image."""
        labels, meta = prediction.pred_sem_seg.data[0], inferencer.model.dataset_meta
        classes = meta['classes']
        needed = estimate_visualizer_bytes(labels.numel(), len(classes))
        if needed > limit.num_bytes / 2:
            return draw_label_map(
                frame.rgb(), labels.cpu().numpy(), classes, meta['palette'], OPACITY
            )
        overlay, *_ = inferencer.visualize(
            [frame.rgb()], [prediction], return_vis=True, opacity=OPACITY
        )
        return overlay


SEGMENTATION = SemanticSegmentation(
    name='semantic segmentation',
    toolbox='mmseg',
    head_keys=('decode_head',),
    visualizer='mmseg.SegLocalVisualizer',
    visualization_hook='mmseg.SegVisualizationHook',
    result_writer=SegmentationWriter,
    collector=SegmentationCollector,
    demo=DemoSettings(
        layout='ade20k',
        write_data=write_mini_ade20k,
        num_images=(240, 24),
        default_classes=len(SEG_CLASSES),
        min_classes=2,
        max_classes=len(SEG_CLASSES),
        side=64,
        batch_size=4,
        full_size_batch_size=2,
        iterations=110,
        log_interval=10,
        min_adaptive_lr=1e-3,
        sgd_lr_factor=1,
    ),
)
