"""``train.py --plan`` as a user runs it, with a tiny model."""

import re

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from ...commands import run_tool
from .ranks import train_on_ranks

AVERAGE = """
_base_ = 'tiny.py'
train_cfg = dict(_delete_=True, by_epoch=False, max_iters=100, val_interval=30)
custom_hooks = [dict(type='EMAHook')]
train_dataloader = dict(
    num_workers=1, persistent_workers=True, sampler=dict(type='InfiniteSampler'))
default_hooks = dict(checkpoint=dict(by_epoch=False))
optim_wrapper = dict(accumulative_counts=3)
"""


def list_files(folder):
    return sorted(path for path in folder.rglob('*') if '__pycache__' not in path.parts)


def read_bytes(number, unit):
    return float(number) * dict(KiB=2**10, MiB=2**20, GiB=2**30)[unit]


def test_a_run_that_would_succeed_is_measured_and_leaves_nothing_behind(folder):
    before = list_files(folder)
    result = run_tool('train.py', 'tiny.py', '--plan', '2', cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    assert list_files(folder) == before
    text = result.stdout
    assert 'No problem found' in text
    # 22 images on 2 processes are 11 each, in batches of 4.
    assert '8 = 4 per process x 2' in text
    assert '7 epochs of 3 steps = 21 steps, 4 validations' in text
    assert 'meant for a batch of 64; add --auto-scale-lr' in text
    assert '0.001; with --auto-scale-lr 0.000125' in text
    assert '4 x 3 x 64 x 64' in text
    assert re.search(r'train +CustomDataset +22 +10 +10 +in ', text)
    assert 'images: class_0 3, class_1 3, class_2 2' in text
    assert max(map(len, text.splitlines())) <= 100

    cfg = Config.fromfile(folder / 'tiny.py')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
    number = sum(parameter.numel() for parameter in model.parameters())
    assert f'{number:,} parameters' in text
    # AdamW keeps two moments of each parameter; a best checkpoint has neither.
    full = read_bytes(*re.search(r'to resume +([\d.]+) (\w+) each', text).groups())
    best = read_bytes(*re.search(r'best +([\d.]+) (\w+) each', text).groups())
    moments = 8 * number
    assert moments < full - best < 2 * moments
    # Epochs 2, 4, 6 and the last one are saved, two are kept.
    assert '2 to resume, 1 best, 1 being written' in text


def test_all_problems_of_a_run_are_in_one_message(folder):
    work_dir = folder / 'run'
    work_dir.mkdir()
    torch.save(dict(state_dict={}), work_dir / 'epoch_3.pth')
    kept = (work_dir / 'epoch_3.pth').read_bytes()
    options = [
        'model.backbone.init_cfg.type=Pretrained',
        'model.backbone.init_cfg.checkpoint=weights/absent.pth',
        'train_dataloader.dataset.data_root=nowhere',
        'optim_wrapper.optimizer.lr=1e30',
        'train_dataloader.batch_size=2',
    ]
    arguments = ['tiny.py', '--plan', '--work-dir', 'run', '--cfg-options', *options]
    result = run_tool('train.py', *arguments, cwd=folder)
    assert result.returncode == 2, result.stdout + result.stderr
    message = ' '.join(result.stderr[result.stderr.index('error: ') :].split())
    assert message.count('error:') == 1
    for part in (
        'pretrained weights not found: weights/absent.pth (model.backbone.init_cfg)',
        'already holds a run: epoch_3.pth',
        'no data for train_dataloader.dataset (CustomDataset)',
        'nowhere/train (does not exist)',
        'the loss is NaN or infinite',
    ):
        assert part in message
    # What could be measured is there, what could not be known is said to be unknown.
    assert '2 x 3 x 64 x 64' in result.stdout
    assert 'epochs of unknown steps' in result.stdout
    assert (work_dir / 'epoch_3.pth').read_bytes() == kept
    assert [path.name for path in work_dir.iterdir()] == ['epoch_3.pth']


def test_a_step_that_fails_is_a_problem_of_the_run(folder):
    options = ['model.head.in_channels=17', 'val_dataloader=None', 'val_cfg=None']
    options += ['val_evaluator=None']
    arguments = ['tiny.py', '--plan', '--overwrite', '--cfg-options', *options]
    result = run_tool('train.py', *arguments, cwd=folder)
    assert result.returncode == 2
    message = ' '.join(result.stderr.split())
    assert 'a training step failed' in message
    assert '16' in message and '17' in message
    assert 'Traceback' not in result.stderr
    assert not (folder / 'work_dirs').exists()


def test_an_average_of_the_weights_and_workers_are_part_of_the_plan(folder):
    (folder / 'average.py').write_text(AVERAGE)
    sizes = {}
    for config in 'tiny.py', 'average.py':
        result = run_tool('train.py', config, '--plan', cwd=folder)
        assert result.returncode == 0, result.stderr
        found = re.search(r'best +([\d.]+) (\w+) each', result.stdout)
        sizes[config] = read_bytes(*found.groups())
    text = result.stdout
    number = int(re.search(r'([\d,]+) parameters', text)[1].replace(',', ''))
    # The average is a second copy of the float32 weights.
    assert sizes['average.py'] - sizes['tiny.py'] > 4 * number
    assert '100 iterations, 4 validations' in text
    assert re.search(r'loading .* per batch with 1 worker per process', text)
    assert '12 = 4 per process x 1 x 3 accumulated' in text


def test_two_processes_plan_together_and_print_once(folder):
    options = ['--cfg-options', 'val_dataloader.dataset.data_root=nowhere']
    arguments = ['tiny.py', '--launcher', 'pytorch', '--plan', *options]
    first, second = train_on_ranks(arguments, folder, 2)
    assert (first.returncode, second.returncode) == (2, 2), first.stderr + second.stderr
    assert 'Plan of tiny.py: image classification, 2 processes' in first.stdout
    assert '8 = 4 per process x 2' in first.stdout
    assert re.search(r'Measured on .*, 2 processes', first.stdout)
    assert 'no data for val_dataloader.dataset' in first.stderr
    assert 'Plan of' not in second.stdout
    assert 'error' not in second.stderr
