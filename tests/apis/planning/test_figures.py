"""Figures of a plan against mmengine's own rules and published logs."""

import types
from collections import namedtuple

import pytest
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmgroupmix.apis.planning import storage
from mmgroupmix.apis.planning.data_table import published_length
from mmgroupmix.apis.planning.generated_data import choose_sides
from mmgroupmix.apis.planning.largest_batch import has_random_size, largest_dataset
from mmgroupmix.apis.planning.schedule import (
    Schedule,
    count_batches,
    plan_batch,
    plan_schedule,
)
from mmgroupmix.apis.planning.units import format_bytes, format_duration
from mmgroupmix.apis.planning.weights import drop_missing_weights
from mmgroupmix.apis.tasks.segmentation import SEGMENTATION

from ..test_options import CONFIG

pytestmark = pytest.mark.smoke

Usage = namedtuple('Usage', 'total used free')


def config(**settings):
    cfg = Config(dict(model={}, train_dataloader={}, optim_wrapper={}, train_cfg={}))
    cfg.merge_from_dict(settings)
    return cfg


@pytest.mark.parametrize(
    'loader, images, processes, batches',
    [
        # The logs of mmdetection (8 x 2 of COCO) and mmpretrain (8 x 128 of ImageNet).
        (dict(batch_size=2), 117266, 8, 7330),
        (dict(batch_size=128), 1281167, 8, 1252),
        (dict(batch_size=4, drop_last=True), 11, 1, 2),
        (dict(batch_size=4, batch_sampler=dict(drop_last=True)), 11, 1, 2),
        (dict(batch_size=4, num_batch_per_epoch=2), 1000, 3, 2),
    ],
)
def test_an_epoch_has_the_batches_of_the_toolboxes(loader, images, processes, batches):
    assert count_batches(loader, images, processes) == batches


@pytest.mark.parametrize(
    'train_cfg',
    [
        dict(max_epochs=12),
        dict(max_epochs=7, val_interval=2),
        dict(max_epochs=7, val_interval=2, val_begin=5),
        dict(max_epochs=300, val_interval=10, dynamic_intervals=[(285, 1)]),
    ],
)
def test_validations_of_epochs_are_those_of_mmengines_loop(train_cfg):
    validations = run_loop(EpochBasedTrainLoop, train_cfg)
    cfg = config(train_cfg=train_cfg, val_dataloader=dict(batch_size=1))
    assert plan_schedule(cfg, 10, 1).validations == validations


@pytest.mark.parametrize(
    'train_cfg',
    [
        dict(max_iters=2500),
        dict(max_iters=100, val_interval=30, val_begin=60),
        dict(max_iters=100, val_interval=40, dynamic_intervals=[(81, 5)]),
    ],
)
def test_validations_of_iterations_are_those_of_mmengines_loop(train_cfg):
    validations = run_loop(IterBasedTrainLoop, train_cfg)
    cfg = config(train_cfg=train_cfg, val_dataloader=dict(batch_size=1))
    schedule = plan_schedule(cfg, None, 1)
    assert (schedule.validations, schedule.steps) == (validations, train_cfg['max_iters'])


def run_loop(kind, train_cfg):
    """Let mmengine's loop run without steps; return how often it validated."""
    calls = []

    class Loop(kind):
        def run_epoch(self):
            self._epoch += 1

        def run_iter(self, batch):
            self._iter += 1

    class Loader(list):
        dataset = types.SimpleNamespace(metainfo={})

    runner = types.SimpleNamespace(
        call_hook=lambda *_, **__: None,
        visualizer=types.SimpleNamespace(),
        model=types.SimpleNamespace(train=lambda: None),
        val_loop=types.SimpleNamespace(run=lambda: calls.append(1)),
        build_dataloader=lambda *_, **__: Loader([0]),
        _randomness_cfg=dict(seed=0, diff_rank_seed=False),
        seed=0,
    )
    loop = Loop(runner, {}, **train_cfg)
    loop.dataloader_iterator = iter(int, 1)
    loop.run()
    return len(calls)


def test_no_validation_is_planned_without_validation_data():
    assert plan_schedule(config(train_cfg=dict(max_epochs=3)), 10, 1).validations == 0


@pytest.mark.parametrize('processes', [1, 3, 8])
def test_the_scaled_learning_rate_is_that_of_mmengines_runner(processes):
    cfg = config(
        train_dataloader=dict(batch_size=24),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.3)),
        auto_scale_lr=dict(enable=True, base_batch_size=64),
    )
    from mmengine.optim import OptimWrapper
    from torch import nn, optim

    wrapper = OptimWrapper(optim.SGD(nn.Linear(1, 1).parameters(), lr=0.3))
    runner = types.SimpleNamespace(
        world_size=processes,
        _train_dataloader=dict(batch_size=24),
        param_schedulers=None,
        logger=types.SimpleNamespace(info=lambda text: None),
    )
    Runner.scale_lr(runner, wrapper, dict(enable=True, base_batch_size=64))
    plan = plan_batch(cfg, processes)
    assert plan.rates[''] * plan.factor == pytest.approx(wrapper.get_lr()['lr'][0])


def test_accumulated_steps_count_for_the_total_batch():
    wrapper = dict(accumulative_counts=4, optimizer=dict(type='SGD', lr=1))
    cfg = config(train_dataloader=dict(batch_size=2), optim_wrapper=wrapper)
    assert plan_batch(cfg, 3).total == 24


@pytest.mark.parametrize(
    'hook, expected',
    [
        # 160 000 iterations, saved every 16 000: ten files.
        (dict(interval=16000, by_epoch=False, max_keep_ckpts=2, save_best='mIoU'),
         (2, 1, 1)),
        (dict(interval=16000, by_epoch=False), (10, 0, 0)),
        (dict(interval=16000, by_epoch=False, save_best=['a', 'b']), (10, 2, 0)),
        (dict(interval=100000, by_epoch=False), (2, 0, 0)),
        (dict(interval=100000, by_epoch=False, save_last=False), (1, 0, 0)),
        (dict(interval=-1, save_best='mIoU'), (0, 1, 0)),
    ],
)  # fmt: skip
def test_checkpoints_on_disk_at_once_are_those_that_the_hook_keeps(hook, expected):
    cfg = config(default_hooks=dict(checkpoint=dict(type='CheckpointHook', **hook)))
    schedule = Schedule('iterations', 160000, None, validations=10)
    kept = storage.count_checkpoints(cfg, schedule)
    assert (kept.regular, kept.best, kept.written) == expected


def test_free_space_is_that_of_the_nearest_folder_that_exists(tmp_path, monkeypatch):
    asked = []

    def disk_usage(path):
        asked.append(path)
        return Usage(100, 93, 7)

    monkeypatch.setattr('shutil.disk_usage', disk_usage)
    space = storage.find_free_space(tmp_path / 'work_dirs' / 'run')
    assert asked == [str(tmp_path)]
    assert (space.folder, space.bytes) == (str(tmp_path), 7)


def test_a_file_in_the_place_of_the_work_directory_is_found(tmp_path):
    (tmp_path / 'run').write_text('notes')
    space = storage.find_free_space(tmp_path / 'run' / 'inner')
    assert (space.folder, space.obstacle) == (str(tmp_path), str(tmp_path / 'run'))


def test_checkpoints_of_a_run_of_unknown_length_are_those_that_are_kept():
    hook = dict(type='CheckpointHook', interval=100, by_epoch=False, max_keep_ckpts=3)
    cfg = config(default_hooks=dict(checkpoint=hook))
    kept = storage.count_checkpoints(cfg, Schedule('epochs', 5, None, 0))
    assert (kept.regular, kept.written) == (3, 1)


def test_an_epoch_of_published_data_counts_wrappers():
    aug = [
        dict(type='PascalVOCDataset', ann_file=f'ImageSets/Segmentation/{name}.txt')
        for name in ('train', 'aug')
    ]
    # "train-aug" of Pascal VOC is known to have 10 582 images.
    both = dict(type='ConcatDataset', datasets=aug)
    assert published_length(both) == 10582
    assert published_length(dict(type='RepeatDataset', times=3, dataset=both)) == 31746
    assert published_length(dict(type='MyDataset', ann_file='train.txt')) is None


def test_weights_that_are_not_there_are_reported_and_left_out(tmp_path):
    present = tmp_path / 'a.pth'
    present.write_bytes(b'x')

    def init_cfg(checkpoint):
        return dict(type='Pretrained', checkpoint=checkpoint)

    cfg = config(
        model=dict(
            backbone=dict(init_cfg=init_cfg('absent.pth')),
            neck=dict(init_cfg=[init_cfg(str(present)), dict(type='Normal')]),
            head=dict(init_cfg=init_cfg('https://example.org/b.pth')),
            other=dict(pretrained='also_absent.pth'),
        )
    )
    first, second = drop_missing_weights(cfg)
    assert 'absent.pth (model.backbone.init_cfg)' in first
    assert 'also_absent.pth (model.other.pretrained)' in second
    assert cfg.model.backbone.init_cfg is None
    assert cfg.model.other.pretrained is None
    assert len(cfg.model.neck.init_cfg) == 2
    assert cfg.model.head.init_cfg.checkpoint == 'https://example.org/b.pth'


def test_images_of_a_pipeline_that_never_resizes_are_as_large_as_its_crop():
    crop = dict(type='RandomCrop', crop_size=(1024, 1024))
    loader = dict(dataset=dict(type='MyDataset', pipeline=[crop]))
    cfg = config(train_dataloader=loader)
    assert min(choose_sides(cfg, SEGMENTATION)) >= 1024
    cfg.train_dataloader.dataset.pipeline[0].type = 'RandomResizedCrop'
    assert max(choose_sides(cfg, SEGMENTATION)) < 1024


def test_random_sizes_are_tried_at_their_largest():
    steps = [
        dict(type='RandomChoiceResize', scales=[(1333, 480), (1333, 800), (1333, 512)]),
        dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0)),
        dict(
            type='RandomChoice',
            transforms=[[dict(type='Resize', scale_factor=k)] for k in (0.5, 2.0, 1.0)],
        ),
    ]
    dataset = dict(type='MyDataset', pipeline=steps)
    choice, factor, branch = largest_dataset(dataset)['pipeline']
    assert choice['scales'] == [(1333, 800)]
    assert factor['ratio_range'] == (2.0, 2.0)
    assert branch['transforms'] == [[dict(type='Resize', scale_factor=2.0)]]
    assert len(steps[0]['scales']) == 3
    assert has_random_size(dataset)


@pytest.mark.parametrize(
    'step',
    [
        dict(type='RandomCrop', crop_size=(512, 512)),
        dict(type='RandomResizedCrop', scale=224),
    ],
)
def test_a_crop_fixes_the_size_whatever_precedes_it(step):
    resize = dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0))
    assert has_random_size(dict(type='MyDataset', pipeline=[resize]))
    assert not has_random_size(dict(type='MyDataset', pipeline=[resize, step]))


@pytest.mark.parametrize(
    'seconds, text',
    [(1.234, '1.23 s'), (600, '10 min'), (3 * 3600 + 120, '3 h 2 min'),
     (50 * 3600, '2 d 2 h')],
)  # fmt: skip
def test_durations_have_their_largest_units(seconds, text):
    assert format_duration(seconds) == text


def test_bytes_are_counted_in_powers_of_two():
    sizes = [format_bytes(n) for n in (3 * 2**10, 3 * 2**20, 3 * 2**30)]
    assert sizes == ['3.0 KiB', '3.0 MiB', '3.0 GiB']


@pytest.mark.parametrize('arguments', [['--plan', '--demo'], ['--plan', '-2']])
def test_plans_that_make_no_sense_are_refused(arguments, tmp_path, monkeypatch, capsys):
    from mmgroupmix.apis import train

    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text(CONFIG)
    assert train.main(['config.py', *arguments]) == 2
    assert 'error: --plan' in capsys.readouterr().err
