"""Labels and predictions of small images, for the collectors of a report."""

import numpy as np
import torch
from mmengine.structures import InstanceData, PixelData

CLASSES = ('cat', 'dog', 'owl')


def segmented(truth, prediction, path='photos/1.png'):
    """A sample of mmseg with two label maps."""
    from mmseg.structures import SegDataSample

    sample = SegDataSample(metainfo=dict(img_path=path))
    sample.gt_sem_seg = PixelData(data=torch.as_tensor(truth)[None])
    sample.pred_sem_seg = PixelData(data=torch.as_tensor(prediction)[None])
    return sample


def classified(truth, scores, path='photos/1.png'):
    """A sample of mmpretrain with a label and scores."""
    from mmpretrain.structures import DataSample

    sample = DataSample(metainfo=dict(img_path=path))
    return sample.set_gt_label(truth).set_pred_score(torch.as_tensor(scores))


def detected(boxes, labels, scores, path='photos/1.png', number=1, **fields):
    """A sample of mmdet with predicted boxes."""
    from mmdet.structures import DetDataSample

    sample = DetDataSample(
        metainfo=dict(img_path=path, img_id=number, ori_shape=(100, 100))
    )
    sample.pred_instances = InstanceData(
        bboxes=torch.as_tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        labels=torch.as_tensor(labels, dtype=torch.int64),
        scores=torch.as_tensor(scores, dtype=torch.float32),
        **fields,
    )
    return sample


def draw_boxes(rng, number):
    """Random boxes in an image of 100 x 100 pixels, many of which overlap."""
    corners = rng.integers(0, 4, (number, 2)) * 15
    sizes = rng.integers(2, 5, (number, 2)) * 10
    return np.concatenate([corners, corners + sizes], axis=1).astype(float)


def draw_instances(rng, number):
    """Random labelled boxes, as the entry of a dataset has them; some are crowds."""
    return [
        dict(
            bbox=box.tolist(),
            bbox_label=int(rng.integers(len(CLASSES))),
            ignore_flag=int(rng.random() < 0.2),
        )
        for box in draw_boxes(rng, number)
    ]


def entry_of(instances):
    """A function that finds the entry of a dataset, for a collector."""
    return lambda: dict(instances=instances)


def draw_detections(rng, count, **options):
    """A sample with random predictions, half of them with a score below 0.3."""
    labels = rng.integers(0, len(CLASSES), count)
    scores = rng.permutation(np.linspace(0.05, 0.55, count)) if count else []
    return detected(draw_boxes(rng, count), labels, scores, **options)
