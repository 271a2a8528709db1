"""What the demo changes in the configs of point clouds, beside data and length."""

import pytest

from mmgroupmix.apis.tasks import infer_task

from ..configs.experiments import read


def read_steps(cfg):
    pipeline = cfg.train_dataloader.dataset.pipeline
    return {step['type'].split('.')[1]: step for step in pipeline}


@pytest.mark.smoke
def test_a_sampled_point_has_neighbours_in_as_large_a_share_of_the_cloud():
    cfg = read('eat_modelnet40')
    network = cfg.model.network
    assert (network.num_samples, network.num_neighbors) == ((512, 256), 32)
    change = infer_task(cfg).shrink(cfg)
    assert read_steps(cfg)['TakePoints']['num_points'] == 256  # a quarter
    assert (network.num_samples, network.num_neighbors) == ([128, 64], 8)
    assert change == '1024 -> 256, sampled (512, 256) -> (128, 64), neighbours 32 -> 8'


@pytest.mark.smoke
def test_clouds_to_classify_are_augmented_at_a_quarter_of_the_strength():
    cfg = read('eat_modelnet40')
    del read_steps(cfg)['RandomShiftPoints']['max_shift']  # the default is the same
    assert infer_task(cfg).adapt_demo(cfg) == {'augmentation': 'at 25% of its strength'}
    steps = read_steps(cfg)
    assert steps['RandomPointDropout']['max_ratio'] == pytest.approx(0.875 / 4)
    assert steps['RandomShiftPoints']['max_shift'] == pytest.approx(0.05)
    scaling = steps['RandomScalePoints']
    assert scaling['low'] ** 4 == pytest.approx(2 / 3)
    assert scaling['high'] ** 4 == pytest.approx(3 / 2)
    assert len(steps) == 6


@pytest.mark.smoke
def test_a_config_without_augmentation_is_left_as_it_is():
    cfg = read('eat_modelnet40')
    cfg.train_dataloader.dataset.pipeline = cfg.val_dataloader.dataset.pipeline
    before = cfg.to_dict()
    assert infer_task(cfg).adapt_demo(cfg) == {'augmentation': ''}
    assert cfg.to_dict() == before
