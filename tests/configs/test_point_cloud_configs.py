"""The configs of point clouds have the recipe of the papers and fit together."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.structures import BaseDataElement

from .experiments import build, find_unused_parameters, read

CLASSIFIERS = ['pct_modelnet40', 'eat_modelnet40']
SEGMENTORS = ['pct_shapenetpart', 'eat_shapenetpart']
COVERED = [*CLASSIFIERS, *SEGMENTORS]


@pytest.mark.smoke
@pytest.mark.parametrize('name', COVERED)
def test_the_optimizer_is_sgd_with_one_cosine_over_all_epochs(name):
    cfg = read(name)
    model = build(cfg)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    assert {(g['lr'], g['momentum'], g['weight_decay']) for g in groups} == {
        (0.01, 0.9, 1e-4)
    }
    (schedule,) = cfg.param_scheduler
    epochs = 250 if name in CLASSIFIERS else 200
    assert cfg.train_cfg.max_epochs == schedule.end == epochs
    assert (schedule.begin, schedule.eta_min) == (0, 1e-4)
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 32
    assert model.label_smoothing == 0.2


@pytest.mark.smoke
@pytest.mark.parametrize('name', CLASSIFIERS)
def test_a_classifier_has_40_classes_and_all_parameters_receive_a_gradient(name):
    model = build(read(name))
    logits = model(torch.randn(2, 600, 3), mode='tensor')
    assert logits.shape == (2, 40)
    assert not find_unused_parameters(model, [logits])


@pytest.mark.smoke
@pytest.mark.parametrize('name', SEGMENTORS)
def test_a_segmentor_has_50_parts_and_all_parameters_receive_a_gradient(name):
    model = build(read(name))
    samples = [BaseDataElement(metainfo=dict(category=i)) for i in (0, 15)]
    logits = model(torch.randn(2, 100, 3), samples, mode='tensor')
    assert logits.shape == (2, 100, 50)
    assert not find_unused_parameters(model, [logits])


@pytest.mark.smoke
@pytest.mark.parametrize('name', COVERED)
def test_eat_has_external_attention_with_64_memories_in_place_of_attention(name):
    layers = build(read(name), 'meta').network.attention
    assert len(layers) == 4
    for layer in layers:
        assert layer.offset
        assert hasattr(layer, 'query_key') == name.startswith('pct')
        if name.startswith('eat'):
            assert len(layer.attention.memory_key) == 64


@pytest.mark.smoke
@pytest.mark.parametrize('name', COVERED)
def test_clouds_are_augmented_as_published(name):
    number = 1024 if name in CLASSIFIERS else 2048
    cfg = read(name)
    steps = {
        step.pop('type').split('.')[1]: step
        for step in map(dict, cfg.train_dataloader.dataset.pipeline)
    }
    assert list(steps) == [
        'TakePoints',
        'RandomPointDropout',
        'RandomScalePoints',
        'RandomShiftPoints',
        'ShufflePoints',
        'PackPointCloud',
    ]
    assert steps['TakePoints']['num_points'] == number
    assert steps['RandomPointDropout'] == dict(max_ratio=0.875)
    assert steps['RandomScalePoints'] == dict(low=2 / 3, high=3 / 2)
    assert steps['RandomShiftPoints'] == dict(max_shift=0.2)
    test_steps = cfg.test_dataloader.dataset.pipeline
    assert [step.type.split('.')[1] for step in test_steps] == [
        'TakePoints',
        'PackPointCloud',
    ]
    assert test_steps[0].num_points == number


@pytest.mark.smoke
@pytest.mark.parametrize('name', SEGMENTORS)
def test_parts_are_tested_at_scales_from_0_7_to_1_4(name):
    scales = read(name).tta_pipeline[1].transforms[0]
    assert [scale.factor for scale in scales] == [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4]
