"""Predictions as files: COCO results, label maps with a palette, the best classes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement
from PIL import Image

from ...errors import UserError
from .sources import Frame

TOP_K = 5
# A PNG with a palette holds as many.
MAX_PALETTE_SIZE = 256


class JsonListWriter:
    """A JSON list in a file, complete after every addition.

    Each is one write to the file. If it fails, as on a full disk, the list ends with the
    addition before.

    Args:
        path (Path): The file.
        before (str): What stands before the list, such as ``'{"images": '``.
        after (str): What stands behind it.
    """

    def __init__(self, path: Path, before: str = '', after: str = ''):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.tail = f'\n]{after}\n'.encode()
        self.file = path.open('wb', buffering=0)
        self.end, self.empty = 0, True
        self._write(f'{before}['.encode())

    def add(self, *entries: Any) -> None:
        """Append, and leave a file that parses."""
        if entries:
            text = b',\n'.join(json.dumps(entry).encode() for entry in entries)
            self._write((b'\n' if self.empty else b',\n') + text)
            self.empty = False

    def _write(self, text: bytes) -> None:
        try:
            self._write_at_end(text + self.tail)
        except BaseException:
            # The space of the tail was ours already.
            self.file.truncate(self.end)
            self._write_at_end(self.tail)
            raise
        self.end += len(text)

    def _write_at_end(self, rest: bytes) -> None:
        self.file.seek(self.end)
        while rest:
            rest = rest[self.file.write(rest) :]

    def close(self) -> None:
        """Nothing is added after it."""
        self.file.close()


class DetectionFiles:
    """``predictions.json``, a list of COCO results, and ``images.json`` beside it.

    ``pycocotools`` reads them as ``COCO('images.json').loadRes('predictions.json')``.
    The ids of the images are the pictures' numbers, those of the categories are COCO's if
    the classes are, otherwise counted from 1. As in mmdetection's results, masks share
    their entries with boxes: to judge masks by their sizes, drop the boxes first, as
    ``CocoMetric`` does, since pycocotools takes areas from them.

    Args:
        folder (Path): Where to write.
        inferencer (BaseInferencer): mmdetection's.
    """

    def __init__(self, folder: Path, inferencer: BaseInferencer):
        from mmdet.datasets import CocoDataset

        classes = list(inferencer.model.dataset_meta['classes'])
        coco_classes = list(CocoDataset.METAINFO['classes'])
        # A panoptic model has further classes behind them, of which there are no boxes.
        self.category_ids = list(range(1, len(classes) + 1))
        if classes[: len(coco_classes)] == coco_classes:
            self.category_ids = coco_category_ids()
        categories = [
            dict(id=category_id, name=name)
            for category_id, name in zip(self.category_ids, classes)
        ]
        self.predictions = JsonListWriter(folder / 'predictions.json')
        self.images = JsonListWriter(
            folder / 'images.json',
            f'{{"categories": {json.dumps(categories)}, "annotations": [], "images": ',
            '}',
        )

    def add(self, picture: Frame, prediction: BaseDataElement) -> None:
        """Write the boxes, and masks if there are any, of an image."""
        from mmdet.structures.mask import encode_mask_results, mask2bbox

        if 'pred_instances' not in prediction:
            raise UserError(
                'this model predicts panoptic segments only, no boxes or instance masks, '
                'and there is no file for these here'
            )
        instances = prediction.pred_instances.cpu()
        if 'masks' in instances and not instances.get('bboxes', torch.zeros(0)).any():
            # Such as SOLO: masks without boxes.
            instances.bboxes = mask2bbox(instances.masks)
        found = instances.numpy()
        masks = (
            [
                dict(mask, counts=mask['counts'].decode())
                for mask in encode_mask_results(found.masks)
            ]
            if 'masks' in found
            else []
        )
        entries = []
        for i, (label, score) in enumerate(
            zip(found.labels.tolist(), found.scores.tolist())
        ):
            x1, y1, x2, y2 = found.bboxes[i].tolist()
            entry = dict(
                image_id=picture.number,
                category_id=self.category_ids[label],
                bbox=[x1, y1, x2 - x1, y2 - y1],
                score=score,
            )
            entries.append(dict(entry, segmentation=masks[i]) if masks else entry)
        self.images.add(dict(id=picture.number, **picture.describe()))
        self.predictions.add(*entries)

    def close(self) -> None:
        """Close the files."""
        self.predictions.close()
        self.images.close()


class SegmentationFiles:
    """``label_maps/NAME.png``, class indices from 0 with a palette, and a list of them.

    ``predictions.json`` has the names of the classes and, for each image, its label map
    and the share of its pixels that each class takes.

    Args:
        folder (Path): Where to write.
        inferencer (BaseInferencer): mmsegmentation's.
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
        # All of them: Pillow stores as few bits a pixel as the palette needs.
        self.palette = np.zeros((MAX_PALETTE_SIZE, 3), np.uint8)
        self.palette[: len(self.classes)] = meta['palette']
        self.predictions = JsonListWriter(
            folder / 'predictions.json',
            f'{{"classes": {json.dumps(self.classes)}, "images": ',
            '}',
        )

    def add(self, picture: Frame, prediction: BaseDataElement) -> None:
        """Write the label map of an image."""
        labels = prediction.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
        name = picture.source.stem
        if picture.frame is not None:
            name = f'{picture.source.name}/{picture.frame:06d}'
        name = f'label_maps/{name}.png'
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        label_map = Image.fromarray(labels)
        label_map.putpalette(self.palette.ravel().tolist())
        label_map.save(path)
        indices, pixels = np.unique(labels, return_counts=True)
        shares = {
            self._name_of(i): round(n / labels.size, 6)
            for i, n in zip(indices.tolist(), pixels.tolist())
        }
        self.predictions.add(
            dict(picture.describe(), label_map=name, share_of_pixels=shares)
        )

    def _name_of(self, index: int) -> str:
        # A demo's data have fewer classes than its model; any may win.
        return self.classes[index] if index < len(self.classes) else f'class {index}'

    def close(self) -> None:
        """Close the file."""
        self.predictions.close()


class ClassificationFiles:
    """``predictions.json``: for each image its five best classes, the best first.

    Args:
        folder (Path): Where to write.
        inferencer (BaseInferencer): mmpretrain's.
    """

    def __init__(self, folder: Path, inferencer: BaseInferencer):
        self.classes = inferencer.classes
        self.predictions = JsonListWriter(folder / 'predictions.json')

    def add(self, picture: Frame, prediction: BaseDataElement) -> None:
        """Write the best classes of an image."""
        scores = prediction.pred_score
        values, labels = scores.topk(min(TOP_K, len(scores)))
        best = [
            dict(label=label, score=score, **self._named(label))
            for label, score in zip(labels.tolist(), values.tolist())
        ]
        self.predictions.add(dict(picture.describe(), predictions=best))

    def _named(self, label: int) -> dict:
        return dict(name=self.classes[label]) if self.classes else {}

    def close(self) -> None:
        """Close the file."""
        self.predictions.close()


PREDICTION_FILES = dict(
    seg=SegmentationFiles, det=DetectionFiles, cls=ClassificationFiles
)


def coco_category_ids() -> list[int]:
    """The ids of COCO's 80 classes in order: of 1 to 90, ten were never annotated."""
    never = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    return [number for number in range(1, 91) if number not in never]
