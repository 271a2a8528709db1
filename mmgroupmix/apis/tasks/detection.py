"""Object detection and instance segmentation, by mmdetection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement
from torch import Tensor

from ...errors import UserError
from ...mini_data import DET_CLASSES, write_mini_coco
from ..config.tree import type_name
from ..inference.json_list import JsonListWriter, NonFinitePredictionError, to_json
from ..inference.memory import MemoryLimit
from ..inference.sources import Frame, Source
from ..report.detection import DetectionCollector
from .task import DemoSettings, ResultWriter, Task

#: What ``tools/test.py --out`` writes for detection and classification.
PICKLE_SUFFIXES = ('.pkl', '.pickle')


class DetectionWriter(ResultWriter):
    """Writes ``predictions.json``, a list of COCO results, and ``images.json``.

    ``pycocotools`` reads them as ``COCO('images.json').loadRes('predictions.json')``.
    Image ids are the numbers of the frames. Category ids are those of the config's
    annotation files, COCO's if the classes are, and otherwise count from 1. As in
    mmdetection's results, masks share their entries with boxes: to evaluate masks by
    their sizes, drop the boxes first, as ``CocoMetric`` does, since pycocotools takes
    areas from them.

    Args:
        folder (Path): Where to write.
        inferencer (BaseInferencer): mmdetection's.
    """

    def __init__(self, folder: Path, inferencer: BaseInferencer):
        from mmdet.datasets import CocoDataset

        meta = inferencer.model.dataset_meta
        classes = list(meta['classes'])
        coco_classes = list(CocoDataset.METAINFO['classes'])
        self.category_ids = list(meta.get('category_ids') or [])
        self.category_source = f'those of {meta.get("category_source")}'
        # A panoptic model lists further classes after COCO's, which have no boxes.
        if not self.category_ids and classes[: len(coco_classes)] == coco_classes:
            self.category_ids, self.category_source = coco_category_ids(), "COCO's"
        if not self.category_ids:
            self.category_ids = list(range(1, len(classes) + 1))
            self.category_source = (
                'counted from 1 in the order of the classes: no annotation file of the '
                'config is here'
            )
        categories = [
            dict(id=category_id, name=name)
            for category_id, name in zip(self.category_ids, classes)
        ]
        super().__init__(JsonListWriter(folder / 'predictions.json'))
        self.images = JsonListWriter(
            folder / 'images.json',
            f'{{"categories": {to_json(categories)}, "annotations": [], "images": ',
            '}',
        )

    def add(self, frame: Frame, prediction: BaseDataElement) -> None:
        """Write the boxes of an image, and masks if there are any."""
        from mmdet.structures.mask import encode_mask_results, mask2bbox

        if 'pred_instances' not in prediction:
            raise UserError(
                'this model predicts panoptic segments only, no boxes or instance masks, '
                'which tools/infer.py cannot write'
            )
        instances = prediction.pred_instances.cpu()
        if 'masks' in instances and not instances.get('bboxes', torch.zeros(0)).any():
            # Models such as SOLO predict masks without boxes.
            instances.bboxes = mask2bbox(instances.masks)
        found = instances.numpy()
        if not (np.isfinite(found.scores).all() and np.isfinite(found.bboxes).all()):
            raise NonFinitePredictionError('its scores or boxes are NaN or infinite')
        masks = encode_mask_results(found.masks) if 'masks' in found else []
        entries = []
        for i, (label, score) in enumerate(
            zip(found.labels.tolist(), found.scores.tolist())
        ):
            x1, y1, x2, y2 = found.bboxes[i].tolist()
            entry = dict(
                image_id=frame.number,
                category_id=self.category_ids[label],
                bbox=[x1, y1, x2 - x1, y2 - y1],
                score=score,
            )
            if masks:
                counts = masks[i]['counts'].decode()
                entry['segmentation'] = dict(masks[i], counts=counts)
            entries.append(entry)
        self.images.add(dict(id=frame.number, **frame.describe()))
        self.predictions.add(*entries)

    def close(self) -> None:
        """Close both files."""
        super().close()
        self.images.close()

    def describe(self, sources: Sequence[Source]) -> list[str]:
        """Lines for the summary: where the ids come from."""
        counted = sources[0].number is None
        origin = 'counted from 1, see images.json' if counted else 'from the file names'
        return [f'image ids    {origin}', f'category ids {self.category_source}']


def coco_category_ids() -> list[int]:
    """The ids of COCO's 80 classes in order: of 1 to 90, ten were never annotated."""
    never_annotated = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    return [number for number in range(1, 91) if number not in never_annotated]


@dataclass(frozen=True)
class ObjectDetection(Task):
    """Object detection and instance segmentation."""

    def mini_dataset(self, original: Mapping, split: str, suffix: str | None) -> dict:
        """The config of a mini COCO."""
        kept = {
            key: original[key] for key in ('filter_cfg', 'test_mode') if key in original
        }
        return dict(
            type='mmdet.CocoDataset',
            data_prefix=dict(img=f'{split}2017/'),
            ann_file=f'annotations/instances_{split}2017.json',
            **kept,
        )

    def mini_evaluators(self, evaluators: list[dict], cfg: Config, root: Path) -> dict:
        """One CocoMetric on the mini dataset's validation file."""
        original = next((one for one in evaluators if type_name(one) == 'CocoMetric'), {})
        dropped = ('type', 'ann_file', 'format_only', 'outfile_prefix', 'backend_args')
        metric = dict(
            type='mmdet.CocoMetric',
            metric=['bbox', 'segm'] if predicts_masks(cfg.model) else ['bbox'],
            ann_file=str(root / 'annotations' / 'instances_val2017.json'),
        )
        return metric | {k: v for k, v in original.items() if k not in dropped}

    def probe(self, model: Any, images: Tensor) -> tuple[Tensor, ...]:
        """Run backbone and neck: heads need more than images."""
        return model.extract_feat(images)

    def write_predictions(self, cfg: Config, out: str) -> BaseMetric | None:
        """Dump predictions, masks run-length encoded, to a pickle file."""
        from mmdet.evaluation import DumpDetResults

        check_pickle_name(out)
        return DumpDetResults(out_file_path=out)

    def draw_into(self, cfg: Config, hook: dict, folder: str) -> None:
        """Draw every image."""
        hook.update(draw=True, test_out_dir=folder)

    def build_inferencer(self, cfg: Config, weights: str, device: str) -> BaseInferencer:
        """Build mmdetection's inferencer."""
        from mmdet.apis import DetInferencer

        return DetInferencer(cfg, weights, device=device)

    def draw(
        self,
        inferencer: BaseInferencer,
        frame: Frame,
        prediction: BaseDataElement,
        score_thr: float,
        limit: MemoryLimit,
    ) -> np.ndarray:
        """Draw boxes and masks."""
        overlay, *_ = inferencer.visualize(
            [frame.rgb()], [prediction], return_vis=True, pred_score_thr=score_thr
        )
        return overlay


def predicts_masks(model: Mapping) -> bool:
    """Whether a detector also predicts instance masks."""
    if 'mask_head' in model or 'mask_head' in (model.get('roi_head') or {}):
        return True
    return 'Mask' in type_name(model.get('panoptic_head'))


def check_pickle_name(out: str) -> None:
    """Raise a UserError unless a file name is that of a pickle file."""
    if not out.endswith(PICKLE_SUFFIXES):
        raise UserError(f'--out {out}: detection and classification write a .pkl file')


DETECTION = ObjectDetection(
    name='object detection',
    toolbox='mmdet',
    head_keys=('bbox_head', 'roi_head', 'panoptic_head', 'mask_head'),
    visualizer='mmdet.DetLocalVisualizer',
    visualization_hook='mmdet.DetVisualizationHook',
    # mmdet registers its wrapper in mmengine's own registry, hence without a scope.
    tta_model=dict(
        type='DetTTAModel',
        tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100),
    ),
    tta_meta_keys=(
        'img_id',
        'img_path',
        'ori_shape',
        'img_shape',
        'scale_factor',
        'flip',
        'flip_direction',
    ),
    result_writer=DetectionWriter,
    collector=DetectionCollector,
    demo=DemoSettings(
        layout='coco',
        write_data=write_mini_coco,
        num_images=(240, 24),
        default_classes=len(DET_CLASSES),
        min_classes=1,
        max_classes=None,
        side=256,
        batch_size=2,
        full_size_batch_size=2,
        iterations=240,
        log_interval=4,
        min_adaptive_lr=5e-4,
        sgd_lr_factor=0.25,
        max_grad_norm=1.0,
    ),
)
