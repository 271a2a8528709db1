"""The toolboxes' own dataset classes read the sets, their own metrics measure them."""

import numpy as np
import pytest
import torch

import mmgroupmix  # noqa: F401  makes mmdet importable beside an mmcv without ops
from mmgroupmix.mini_data import (
    SEG_CLASSES,
    mini_metainfo,
    write_mini_ade20k,
    write_mini_coco,
    write_mini_imagenet,
)

SPLITS = ['train', 'val']


def segmentation_dataset(root, split, **kwargs):
    datasets = pytest.importorskip('mmseg.datasets')
    from mmcv.transforms import LoadImageFromFile

    name = {'train': 'training', 'val': 'validation'}[split]
    arguments = dict(
        data_root=str(root),
        data_prefix=dict(img_path=f'images/{name}', seg_map_path=f'annotations/{name}'),
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


def detection_dataset(root, split, num_classes=10):
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


def classification_dataset(root, split, num_classes=10):
    datasets = pytest.importorskip('mmpretrain.datasets')
    from mmcv.transforms import LoadImageFromFile

    return datasets.ImageNet(
        data_root=str(root),
        split=split,
        metainfo=mini_metainfo('imagenet', num_classes),
        pipeline=[LoadImageFromFile(), datasets.PackInputs()],
    )


def label_maps(dataset):
    return [item['data_samples'].gt_sem_seg.data for item in dataset]


@pytest.mark.smoke
@pytest.mark.parametrize('split', SPLITS)
def test_mmseg_reads_every_picture_and_all_eleven_classes(ade20k, split, several):
    dataset = segmentation_dataset(ade20k, split, metainfo=mini_metainfo('ade20k'))
    assert len(dataset) == several[f'num_{split}']
    assert dataset.metainfo['classes'] == SEG_CLASSES
    for item in dataset:
        assert item['inputs'].shape[1:] == item['data_samples'].gt_sem_seg.shape
    labels = torch.cat([labels.flatten() for labels in label_maps(dataset)])
    assert labels.unique().tolist() == list(range(11))


def test_ade20k_dataset_itself_reads_the_same_labels(ade20k):
    """Unchanged, with its own 150 names, as an untouched configuration has it."""
    metainfo = mini_metainfo('ade20k')
    theirs = label_maps(segmentation_dataset(ade20k, 'val'))
    ours = label_maps(segmentation_dataset(ade20k, 'val', metainfo=metainfo))
    assert len(theirs) == len(ours) > 0
    assert all(torch.equal(a, b) for a, b in zip(theirs, ours))


def seg_score(dataset):
    from mmseg.evaluation import IoUMetric

    metric = IoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = dataset.metainfo
    for labels in label_maps(dataset):
        sample = dict(
            pred_sem_seg=dict(data=labels), gt_sem_seg=dict(data=labels.clone())
        )
        metric.process(None, [sample])
    return metric.evaluate(len(dataset))


@pytest.mark.parametrize('metainfo', [{}, {'metainfo': mini_metainfo('ade20k')}])
def test_iou_metric_finds_the_truth_perfect(ade20k, metainfo):
    score = seg_score(segmentation_dataset(ade20k, 'val', **metainfo))
    assert score['mIoU'] == score['aAcc'] == 100


@pytest.mark.parametrize('num_classes, present', [(2, 2), (5, 5), (150, 11)])
def test_segmentation_shows_only_the_first_classes(
    tmp_path, num_classes, present, several
):
    root = write_mini_ade20k(tmp_path / 'set', num_classes=num_classes, **several)
    metainfo = mini_metainfo('ade20k', num_classes)
    assert metainfo['classes'] == SEG_CLASSES[:present]
    dataset = segmentation_dataset(root, 'val', metainfo=metainfo)
    labels = torch.cat([labels.flatten() for labels in label_maps(dataset)])
    assert labels.unique().tolist() == list(range(present))
    assert seg_score(dataset)['mIoU'] == 100


def truths(dataset):
    return [item['data_samples'] for item in dataset]


def det_score(dataset, root, stray_label=None):
    """Feed the truth back, with one wrong object of low score if asked to."""
    from mmdet.evaluation import CocoMetric

    metric = CocoMetric(
        ann_file=str(root / 'annotations' / 'instances_val2017.json'),
        metric=['bbox', 'segm'],
    )
    metric.dataset_meta = dataset.metainfo
    for sample in truths(dataset):
        truth = sample.gt_instances
        prediction = dict(
            bboxes=truth.bboxes.tensor,
            labels=truth.labels,
            scores=torch.ones(len(truth)),
            masks=torch.from_numpy(truth.masks.to_ndarray()).bool(),
        )
        if stray_label is not None:
            prediction = {
                name: torch.cat([value, value[:1]]) for name, value in prediction.items()
            }
            prediction['labels'][-1] = stray_label
            prediction['scores'][-1] = 0.1
        metric.process(
            None,
            [
                dict(
                    img_id=sample.img_id,
                    ori_shape=sample.ori_shape,
                    pred_instances=prediction,
                )
            ],
        )
    return metric.evaluate(len(dataset))


@pytest.mark.smoke
@pytest.mark.parametrize('split', SPLITS)
def test_mmdet_reads_every_picture_and_all_ten_classes(coco, split, several):
    dataset = detection_dataset(coco, split)
    assert len(dataset) == several[f'num_{split}']
    labels = torch.cat([sample.gt_instances.labels for sample in truths(dataset)])
    assert labels.unique().tolist() == list(range(10))
    for sample in truths(dataset):
        # Neither boxes nor masks are ignored as damaged.
        assert len(sample.ignored_instances) == 0
        masks = sample.gt_instances.masks
        assert masks.masks.reshape(len(masks), -1).any(axis=1).all()


def test_coco_metric_finds_the_truth_perfect(coco):
    score = det_score(detection_dataset(coco, 'val'), coco)
    # Exact: each mask decodes to the very pixels that were drawn.
    assert score['coco/bbox_mAP'] == 1
    assert score['coco/segm_mAP'] == 1


@pytest.mark.parametrize('num_classes, present', [(1, 1), (3, 3), (80, 10)])
def test_detection_shows_only_the_first_classes_and_names_them_all(
    tmp_path, num_classes, present, several
):
    root = write_mini_coco(tmp_path / 'set', num_classes=num_classes, **several)
    dataset = detection_dataset(root, 'val', num_classes)
    assert len(dataset.metainfo['classes']) == num_classes
    labels = torch.cat([sample.gt_instances.labels for sample in truths(dataset)])
    assert labels.unique().tolist() == list(range(present))
    # A head may predict its last class, used or not, and still be measured.
    score = det_score(dataset, root, stray_label=num_classes - 1)
    assert score['coco/bbox_mAP'] == 1
    assert score['coco/segm_mAP'] == 1


def cls_score(dataset):
    from mmpretrain.evaluation import Accuracy

    metric = Accuracy()
    for item in dataset:
        label = item['data_samples'].gt_label
        metric.process(None, [dict(pred_label=label, gt_label=label.clone())])
    return metric.evaluate(len(dataset))['accuracy/top1']


@pytest.mark.smoke
@pytest.mark.parametrize('split', SPLITS)
def test_mmpretrain_reads_every_picture_and_all_ten_classes(imagenet, split, singles):
    dataset = classification_dataset(imagenet, split)
    assert len(dataset) == singles[f'num_{split}']
    counts = np.bincount(dataset.get_gt_labels(), minlength=10)
    assert (counts == singles[f'num_{split}'] // 10).all()


def test_accuracy_finds_the_truth_perfect(imagenet):
    assert cls_score(classification_dataset(imagenet, 'val')) == 100


@pytest.mark.parametrize('num_classes, present', [(1, 1), (4, 4), (1000, 10)])
def test_classification_has_one_folder_for_each_of_the_first_classes(
    tmp_path, num_classes, present, singles
):
    root = write_mini_imagenet(tmp_path / 'set', num_classes=num_classes, **singles)
    dataset = classification_dataset(root, 'val', num_classes)
    assert set(dataset.get_gt_labels().tolist()) == set(range(present))
    assert cls_score(dataset) == 100
