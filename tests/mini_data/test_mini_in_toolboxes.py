"""The toolboxes' own dataset classes read the mini datasets, and their metrics agree.

The metrics compare what a dataset class reads with predictions that are made of the
scenes, as they were drawn.
"""

import numpy as np
import pytest
import torch

import mmgroupmix  # noqa: F401  makes mmdet importable with an mmcv without compiled ops
from mmgroupmix.mini_data import (
    SEG_CLASSES,
    mini_metainfo,
    write_mini_ade20k,
    write_mini_coco,
    write_mini_imagenet,
)

from .datasets import SEVERAL, SINGLE, SPLITS, draw_scenes


def build_segmentation_dataset(root, split, **kwargs):
    datasets = pytest.importorskip('mmseg.datasets')
    from mmcv.transforms import LoadImageFromFile

    folder = SPLITS[split]
    arguments = dict(
        data_root=str(root),
        data_prefix=dict(
            img_path=f'images/{folder}', seg_map_path=f'annotations/{folder}'
        ),
        pipeline=[
            LoadImageFromFile(),
            datasets.LoadAnnotations(),
            datasets.PackSegInputs(),
        ],
    )
    if kwargs:
        return datasets.BaseSegDataset(
            img_suffix='.jpg',
            seg_map_suffix='.png',
            reduce_zero_label=True,
            **arguments,
            **kwargs,
        )
    return datasets.ADE20KDataset(**arguments)


def build_detection_dataset(root, split, num_classes=10):
    datasets = pytest.importorskip('mmdet.datasets')
    transforms = pytest.importorskip('mmdet.datasets.transforms')
    from mmcv.transforms import LoadImageFromFile

    return datasets.CocoDataset(
        data_root=str(root),
        ann_file=f'annotations/instances_{split}2017.json',
        data_prefix=dict(img=f'{split}2017/'),
        metainfo=mini_metainfo('coco', num_classes),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=[
            LoadImageFromFile(),
            transforms.LoadAnnotations(with_bbox=True, with_mask=True),
            transforms.PackDetInputs(),
        ],
    )


def build_classification_dataset(root, split, num_classes=10):
    datasets = pytest.importorskip('mmpretrain.datasets')
    from mmcv.transforms import LoadImageFromFile

    return datasets.ImageNet(
        data_root=str(root),
        split=split,
        metainfo=mini_metainfo('imagenet', num_classes),
        pipeline=[LoadImageFromFile(), datasets.PackInputs()],
    )


def read_data_samples(dataset):
    return [item['data_samples'] for item in dataset]


def read_label_maps(dataset):
    return [sample.gt_sem_seg.data for sample in read_data_samples(dataset)]


@pytest.mark.smoke
@pytest.mark.parametrize('split', SPLITS)
def test_mmseg_reads_every_image_and_all_eleven_classes(ade20k, split):
    dataset = build_segmentation_dataset(ade20k, split, metainfo=mini_metainfo('ade20k'))
    assert len(dataset) == SEVERAL[f'num_{split}']
    assert dataset.metainfo['classes'] == SEG_CLASSES
    for item in dataset:
        assert item['inputs'].shape[1:] == item['data_samples'].gt_sem_seg.shape
    labels = torch.cat([labels.flatten() for labels in read_label_maps(dataset)])
    assert labels.unique().tolist() == list(range(11))


def test_ade20k_dataset_itself_reads_the_same_labels(ade20k):
    """Unchanged, with its own 150 names, as in mmsegmentation's configs."""
    metainfo = mini_metainfo('ade20k')
    unchanged = read_label_maps(build_segmentation_dataset(ade20k, 'val'))
    ours = read_label_maps(build_segmentation_dataset(ade20k, 'val', metainfo=metainfo))
    assert len(unchanged) == len(ours) > 0
    assert all(torch.equal(a, b) for a, b in zip(unchanged, ours))


def evaluate_segmentation(dataset, predictions):
    from mmseg.evaluation import IoUMetric

    metric = IoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = dataset.metainfo
    for predicted, labels in zip(predictions, read_label_maps(dataset), strict=True):
        sample = dict(
            pred_sem_seg=dict(data=torch.from_numpy(predicted)[None]),
            gt_sem_seg=dict(data=labels),
        )
        metric.process(None, [sample])
    return metric.evaluate(len(dataset))


@pytest.mark.parametrize('metainfo', [{}, {'metainfo': mini_metainfo('ade20k')}])
def test_mmseg_scores_the_drawn_label_maps_with_100_and_others_with_less(
    ade20k, metainfo
):
    dataset = build_segmentation_dataset(ade20k, 'val', **metainfo)
    drawn = [scene.draw_label_map() for scene in draw_scenes('ade20k', 'val')]
    score = evaluate_segmentation(dataset, drawn)
    assert score['mIoU'] == score['aAcc'] == 100
    # With the background everywhere, its IoU is its share of the pixels, and those of
    # the ten digits are 0.
    score = evaluate_segmentation(dataset, [labels * 0 for labels in drawn])
    background = 100 * np.mean(np.concatenate([labels.ravel() == 0 for labels in drawn]))
    assert score['aAcc'] == pytest.approx(background, abs=0.01)
    assert score['mIoU'] == pytest.approx(background / 11, abs=0.01)


@pytest.mark.parametrize('num_classes, present', [(2, 2), (5, 5), (150, 11)])
def test_segmentation_contains_the_first_classes_only(tmp_path, num_classes, present):
    root = write_mini_ade20k(tmp_path / 'set', num_classes=num_classes, **SEVERAL)
    metainfo = mini_metainfo('ade20k', num_classes)
    assert metainfo['classes'] == SEG_CLASSES[:present]
    dataset = build_segmentation_dataset(root, 'val', metainfo=metainfo)
    labels = torch.cat([labels.flatten() for labels in read_label_maps(dataset)])
    assert labels.unique().tolist() == list(range(present))
    scenes = draw_scenes('ade20k', 'val', num_classes)
    score = evaluate_segmentation(dataset, [scene.draw_label_map() for scene in scenes])
    assert score['mIoU'] == 100


def evaluate_detection(dataset, root, scenes, extra_label=None):
    """Predict the drawn digits, and an extra one with low confidence if desired."""
    from mmdet.evaluation import CocoMetric

    metric = CocoMetric(
        ann_file=str(root / 'annotations' / 'instances_val2017.json'),
        metric=['bbox', 'segm'],
    )
    metric.dataset_meta = dataset.metainfo
    for sample, scene in zip(read_data_samples(dataset), scenes, strict=True):
        masks = torch.from_numpy(np.stack([i.mask for i in scene.instances]))
        labels = torch.tensor([instance.digit for instance in scene.instances])
        scores = torch.ones(len(masks))
        if extra_label is not None:
            masks = torch.cat([masks, masks[:1]])
            labels = torch.cat([labels, torch.tensor([extra_label])])
            scores = torch.cat([scores, torch.tensor([0.1])])
        prediction = dict(
            bboxes=surround(masks), labels=labels, scores=scores, masks=masks
        )
        result = dict(
            img_id=sample.img_id, ori_shape=sample.ori_shape, pred_instances=prediction
        )
        metric.process(None, [result])
    return metric.evaluate(len(dataset))


def surround(masks):
    """The boxes (x1, y1, x2, y2) of masks, from pixel edge to pixel edge, (N, 4)."""
    boxes = []
    for mask in masks:
        ys, xs = mask.nonzero(as_tuple=True)
        boxes.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    return torch.tensor(boxes, dtype=torch.float)


@pytest.mark.smoke
@pytest.mark.parametrize('split', SPLITS)
def test_mmdet_reads_every_image_and_all_ten_classes(coco, split):
    dataset = build_detection_dataset(coco, split)
    assert len(dataset) == SEVERAL[f'num_{split}']
    samples = read_data_samples(dataset)
    labels = torch.cat([sample.gt_instances.labels for sample in samples])
    assert labels.unique().tolist() == list(range(10))
    for sample in samples:
        # Neither boxes nor masks are ignored as invalid.
        assert len(sample.ignored_instances) == 0
        masks = sample.gt_instances.masks
        assert masks.masks.reshape(len(masks), -1).any(axis=1).all()


def test_mmdet_scores_the_drawn_digits_with_1_and_others_with_less(coco):
    dataset, scenes = build_detection_dataset(coco, 'val'), draw_scenes('coco', 'val')
    score = evaluate_detection(dataset, coco, scenes)
    # Exactly 1, because each mask is decoded to the very pixels that were drawn.
    assert score['coco/bbox_mAP'] == score['coco/segm_mAP'] == 1
    score = evaluate_detection(dataset, coco, scenes[::-1])
    assert score['coco/bbox_mAP'] < 0.5 > score['coco/segm_mAP']


@pytest.mark.parametrize('num_classes, present', [(1, 1), (3, 3), (80, 10)])
def test_detection_contains_the_first_classes_only_and_names_all_outputs(
    tmp_path, num_classes, present
):
    root = write_mini_coco(tmp_path / 'set', num_classes=num_classes, **SEVERAL)
    dataset = build_detection_dataset(root, 'val', num_classes)
    assert len(dataset.metainfo['classes']) == num_classes
    samples = read_data_samples(dataset)
    labels = torch.cat([sample.gt_instances.labels for sample in samples])
    assert labels.unique().tolist() == list(range(present))
    # A head may predict its last class, used or not, and can still be evaluated.
    scenes = draw_scenes('coco', 'val', num_classes)
    score = evaluate_detection(dataset, root, scenes, extra_label=num_classes - 1)
    assert score['coco/bbox_mAP'] == score['coco/segm_mAP'] == 1


def evaluate_classification(dataset, scenes):
    """Predict the drawn digits. File names end with the number of the scene."""
    from mmpretrain.evaluation import Accuracy

    metric = Accuracy()
    for sample in read_data_samples(dataset):
        number = int(sample.img_path.rpartition('_')[2].partition('.')[0])
        predicted = torch.tensor([scenes[number - 1].instances[0].digit])
        metric.process(None, [dict(pred_label=predicted, gt_label=sample.gt_label)])
    return metric.evaluate(len(dataset))['accuracy/top1']


@pytest.mark.smoke
@pytest.mark.parametrize('split', SPLITS)
def test_mmpretrain_reads_every_image_and_all_ten_classes(imagenet, split):
    dataset = build_classification_dataset(imagenet, split)
    assert len(dataset) == SINGLE[f'num_{split}']
    counts = np.bincount(dataset.get_gt_labels(), minlength=10)
    assert (counts == SINGLE[f'num_{split}'] // 10).all()


def test_mmpretrain_scores_the_drawn_digits_with_100_and_others_with_less(imagenet):
    dataset = build_classification_dataset(imagenet, 'val')
    scenes = draw_scenes('imagenet', 'val')
    assert evaluate_classification(dataset, scenes) == 100
    # Each of the ten digits occurs once, so the next scene has another one.
    assert evaluate_classification(dataset, scenes[1:] + scenes[:1]) == 0


@pytest.mark.parametrize('num_classes, present', [(1, 1), (4, 4), (1000, 10)])
def test_classification_has_one_folder_for_each_of_the_first_classes(
    tmp_path, num_classes, present
):
    root = write_mini_imagenet(tmp_path / 'set', num_classes=num_classes, **SINGLE)
    dataset = build_classification_dataset(root, 'val', num_classes)
    assert set(dataset.get_gt_labels().tolist()) == set(range(present))
    assert (
        evaluate_classification(dataset, draw_scenes('imagenet', 'val', num_classes))
        == 100
    )
