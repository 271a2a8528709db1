"""`tools/train.py CONFIG --demo` for every config of the repository."""

import multiprocessing
import os
import runpy
import sys

import pytest

from .experiments import CONFIGS, REPOSITORY

EXPERIMENTS = sorted([*CONFIGS.glob('*.py'), *CONFIGS.glob('ablations/*.py')])
# Two steps and a few images. Detectors from random weights are sure of nothing: without
# a threshold there is something to measure and to draw.
TWO_STEPS = ['train_cfg.max_epochs=1', 'train_dataloader.num_batch_per_epoch=2']
SHORT = dict(
    seg=['train_cfg.max_iters=2', 'val_dataloader.num_batch_per_epoch=4'],
    # Every fourth image is drawn, from wherever the training stands.
    det=[*TWO_STEPS, 'val_dataloader.num_batch_per_epoch=4'],
    cls=[*TWO_STEPS, 'val_dataloader.num_batch_per_epoch=1'],
)
TASKS = dict(ade20k='seg', voc='seg', cityscapes='seg', coco='det', in1k='cls')
LEFT = dict(
    seg=('iter_2.pth', 'mIoU'),
    det=('epoch_1.pth', 'box AP'),
    cls=('epoch_1.pth', 'top-1 accuracy'),
)
# Imported once: each demo is a fresh process that starts with them.
PRELOADED = [
    'matplotlib.pyplot',
    'mmgroupmix',
    *(
        f'{toolbox}.{part}'
        for toolbox in ('mmseg', 'mmdet', 'mmpretrain')
        for part in ('datasets', 'evaluation', 'models', 'visualization')
    ),
]


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp('demos')


@pytest.fixture(scope='module')
def processes():
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOADED)
    return context


def task_and_options(config):
    """What a short demo of a config is about, and what makes it short."""
    parts = config.stem.split('_')
    task = next(TASKS[part] for part in reversed(parts) if part in TASKS)
    options = [*SHORT[task], 'default_hooks.checkpoint.save_optimizer=False']
    if task == 'det':
        one_stage = parts[0] == 'retinanet'
        options.append(f'model.test_cfg{"" if one_stage else ".rcnn"}.score_thr=0.')
    return task, options


def run_tool(arguments, folder, log):
    """``tools/train.py`` in a folder, its output in a file."""
    os.chdir(folder)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.argv = ['train.py', *arguments]
    runpy.run_path(str(REPOSITORY / 'tools' / 'train.py'), run_name='__main__')


@pytest.mark.slow
@pytest.mark.parametrize('config', EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_the_demo_trains_evaluates_and_draws(config, workspace, processes):
    task, options = task_and_options(config)
    log = workspace / f'{config.stem}.log'
    process = processes.Process(
        target=run_tool,
        args=([str(config), '--demo', '--cfg-options', *options], workspace, log),
    )
    process.start()
    process.join(500)
    process.kill()
    told = log.read_text()
    assert process.exitcode == 0, told[-3000:]
    folder = workspace / 'work_dirs' / 'demo' / config.stem
    checkpoint, metric = LEFT[task]
    assert (folder / checkpoint).is_file()
    assert list(folder.glob('best_*.pth'))
    assert list(folder.glob('*/curves.png'))
    assert list(folder.glob('*/vis_data/vis_image/*.png'))
    assert f'result       {metric}' in told
    for file in folder.glob('*.pth'):
        file.unlink()  # up to a gigabyte each
