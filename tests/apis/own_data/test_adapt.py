"""Heads, evaluators, anchors, sizes and schedules follow the data."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config

from mmgroupmix.apis.config.tree import leaf_datasets, walk
from mmgroupmix.apis.own_data import weights
from mmgroupmix.apis.own_data.adapt_model import fit_anchors, measure_cover, set_classes
from mmgroupmix.apis.own_data.adapt_schedule import fit_batch, fit_schedule, fit_sizes
from mmgroupmix.apis.tasks import infer_task

from ...commands import shipped_config
from .folders import write_class_folders, write_coco, write_label_maps
from .preparing import CLASSIFIER, DETECTOR, SEGMENTOR, prepare, read_config

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    'name, kept',
    [
        ('mask_rcnn_poolformer_s12_coco', []),
        ('cascade_mask_rcnn_r50_ea_coco', []),
        ('upernet_gmf_t_ade20k', []),
        ('eanet_r101_voc', []),
        (CLASSIFIER, []),
        # A region proposal network and a head of edges have classes of their own.
        ('mmseg/stdc/stdc1_4xb12-80k_cityscapes-512x1024.py', [2]),
        ('mmseg/ocrnet/ocrnet_hr18_4xb2-40k_cityscapes-512x1024.py', []),
        ('mmdet/centernet/centernet-update_r50_fpn_8xb8-amp-lsj-200e_coco.py', []),
        ('mmdet/queryinst/queryinst_r50_fpn_1x_coco.py', []),
    ],
)
def test_all_heads_and_preprocessors_get_the_classes_of_the_data(name, kept):
    cfg = Config.fromfile(shipped_config(name)) if '/' in name else read_config(name)
    task = infer_task(cfg)
    set_classes(cfg, task, ['a', 'b', 'c'])
    counts = [
        node['num_classes']
        for part in ('model', 'data_preprocessor')
        for _, node in walk(cfg.get(part))
        if node.get('num_classes')
    ]
    assert sorted(counts) == sorted([3] * (len(counts) - len(kept)) + kept)
    assert len(counts) > len(kept)
    assert task.num_outputs(cfg.model) == 3


def test_weights_of_classes_that_are_gone_are_dropped():
    cfg = read_config(SEGMENTOR)
    cfg.model.decode_head.loss_decode.class_weight = [1.0] * 150
    set_classes(cfg, infer_task(cfg), ['a', 'b'])
    assert cfg.model.decode_head.loss_decode.class_weight is None


def test_a_score_of_the_five_best_of_three_classes_becomes_one_of_the_best(tmp_path):
    write_class_folders(tmp_path / 'data', ('cat', 'dog', 'fox'))
    cfg, _ = prepare(CLASSIFIER, tmp_path / 'data', tmp_path / 'run')
    assert cfg.val_evaluator == dict(type='Accuracy', topk=(1,))
    assert cfg.default_hooks.checkpoint.save_best == 'accuracy/top1'
    # Overlays show the names of the user's classes.
    assert cfg.default_hooks.visualization.enable
    assert tuple(cfg.default_hooks.visualization.classes) == ('cat', 'dog', 'fox')


def test_data_sets_in_wrappers_are_replaced_and_several_become_one(tmp_path):
    write_coco(tmp_path / 'data', tmp_path / 'data' / 'a.json')
    file = shipped_config('mmdet/pascal_voc/retinanet_r50_fpn_1x_voc0712.py')
    cfg, _ = prepare(Config.fromfile(file), tmp_path / 'data', tmp_path / 'run')
    ((place, leaf),) = leaf_datasets(cfg.train_dataloader.dataset)
    assert place == 'dataset.dataset'
    assert leaf.type == 'mmdet.CocoDataset'
    assert cfg.val_evaluator.type == 'mmdet.CocoMetric'


# --- anchors


def boxes_of(width, height, number=50):
    return [((1333, 800), (width + i % 7, height + i % 5)) for i in range(number)]


def test_anchors_stay_where_they_cover_the_boxes():
    cfg = read_config(DETECTOR)
    before = cfg.model.to_dict()
    assert fit_anchors(cfg, boxes_of(90, 80)) == {}
    assert cfg.model.to_dict() == before


@pytest.mark.parametrize('name', [DETECTOR, 'mask_rcnn_poolformer_s12_coco'])
@pytest.mark.parametrize('size', [(400, 40), (9, 9)])
def test_anchors_follow_boxes_that_none_covers(name, size):
    cfg = read_config(name)
    ((place, before),) = find_anchors(cfg)
    reasons = fit_anchors(cfg, boxes_of(*size))
    ((_, after),) = find_anchors(cfg)
    shapes = np.array([box for _, box in boxes_of(*size)], float)
    assert measure_cover(after, shapes) > 0.9 > measure_cover(before, shapes)
    assert list(reasons) == [place]
    # Weights still fit: as many anchors as before.
    assert len(after['ratios']) == len(before['ratios'])


def test_the_cover_of_anchors_is_the_overlap_of_shapes():
    anchors = dict(type='AnchorGenerator', scales=[1], ratios=[1.0], strides=[32])
    shapes = np.array([(32, 32), (32, 16), (32, 15), (64, 32), (66, 32), (8, 8)], float)
    assert measure_cover(anchors, shapes) == pytest.approx(3 / 6)


def find_anchors(cfg):
    return [
        (place, dict(node))
        for place, node in walk(cfg.model, 'model')
        if node.get('type') == 'AnchorGenerator'
    ]


# --- sizes, batch, schedule


def recognized(number, side=64, val=4):
    """Data of so many training images."""

    return SimpleNamespace(
        classes=('a', 'b'),
        splits=dict(train=list(range(number)), val=list(range(val))),
        measure_sizes=lambda: np.array([(side, side // 2)] * 3),
    )


def test_sizes_shrink_to_twice_the_side_of_the_images(fits_sizes):
    cfg = read_config(SEGMENTOR)
    (reason,) = fit_sizes(cfg, infer_task(cfg), recognized(50, side=100)).values()
    assert cfg.model.data_preprocessor['size'] == (224, 224)  # a multiple of 32
    crops = [t for t in cfg.train_dataloader.dataset.pipeline if 'Crop' in t['type']]
    assert crops[0]['crop_size'] == (224, 224)
    assert 'at most 100 pixels' in reason


def test_sizes_stay_for_large_images(fits_sizes):
    cfg = read_config(DETECTOR)
    assert fit_sizes(cfg, infer_task(cfg), recognized(50, side=4000)) == {}


@pytest.mark.parametrize(
    'name, number, batch, rate',
    [
        # PoolFormer's 1e-3 for 1024 images, by the square root; 4 batches at least.
        (CLASSIFIER, 33, 8, 1e-3 * (8 / 1024) ** 0.5),
        (CLASSIFIER, 100_000, 128, 1e-3 * (128 / 1024) ** 0.5),
        (DETECTOR, 32, 2, 1e-4 * (2 / 16) ** 0.5),
        # SGD, in proportion.
        ('mask_rcnn_r50_ea_coco', 32, 2, 0.02 * 2 / 16),
    ],
)
def test_the_batch_fits_the_images_and_the_rate_the_batch(name, number, batch, rate):
    cfg = read_config(name)
    fit_batch(cfg, recognized(number))
    assert cfg.train_dataloader.batch_size == batch
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(rate, rel=0.01)
    assert cfg.auto_scale_lr.base_batch_size == batch


def test_a_last_batch_of_one_image_is_left_out():
    cfg = read_config(CLASSIFIER)
    fit_batch(cfg, recognized(33))
    assert cfg.train_dataloader.drop_last


@pytest.mark.parametrize(
    'name, number, length, interval',
    [
        # 16 steps in an epoch, 1500 in all, ten evaluations.
        (DETECTOR, 32, 94, 10),
        # As planned for COCO.
        (DETECTOR, 100_000, 12, 2),
        # Each image 50 times, and no more than planned.
        (SEGMENTOR, 400, 5000, 500),
        (SEGMENTOR, 20_000, 40_000, 4000),
    ],
)
def test_the_length_fits_the_number_of_images(name, number, length, interval):
    cfg = read_config(name)
    fit_schedule(cfg, infer_task(cfg), recognized(number), {})
    train_cfg = cfg.train_cfg
    assert train_cfg.get('max_epochs', train_cfg.get('max_iters')) == length
    assert train_cfg.val_interval == interval
    assert cfg.default_hooks.checkpoint.interval == interval
    assert cfg.param_scheduler[-1]['end'] == length
    assert cfg.default_hooks.logger.interval <= max(number // 8, 1)


def test_a_length_on_the_command_line_counts():
    cfg = read_config(DETECTOR)
    options = {'train_cfg.max_epochs': 3}
    fit_schedule(cfg, infer_task(cfg), recognized(32), options)
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.param_scheduler[-1]['end'] == 3


# --- weights


@pytest.mark.parametrize('here', [True, False])
def test_a_classifier_starts_from_published_weights_that_are_here(here, monkeypatch):
    monkeypatch.setattr(weights, 'is_available', lambda _: here)
    cfg = read_config(CLASSIFIER)
    text = weights.start_from_published(cfg, {})
    # The same file that the detector of this backbone starts from.
    published = read_config(DETECTOR).model.backbone.init_cfg
    assert published.checkpoint in text
    found = cfg.model.backbone.get('init_cfg')
    assert found == (dict(published) if here else None)


def test_weights_that_the_config_or_the_user_names_stay(monkeypatch):
    monkeypatch.setattr(weights, 'is_available', lambda _: True)
    assert weights.start_from_published(read_config(DETECTOR), {}) == ''
    cfg = read_config(CLASSIFIER)
    assert weights.start_from_published(cfg, {'load_from': 'x.pth'}) == ''
    assert 'init_cfg' not in cfg.model.backbone


def test_label_maps_train_without_the_convention_of_ade20k(tmp_path):
    write_label_maps(tmp_path / 'images', tmp_path / 'masks')
    cfg, _ = prepare(SEGMENTOR, tmp_path, tmp_path / 'run')
    used = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader]
    nodes = [node for part in (*used, cfg.tta_pipeline) for _, node in walk(part)]
    assert [node for node in nodes if node.get('type') == 'LoadAnnotations']
    assert not [node for node in nodes if node.get('reduce_zero_label')]
