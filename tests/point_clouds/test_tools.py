"""The configs of point clouds trained, resumed, tested and drawn by the tools."""

import pickle
import shutil

import cv2
import pytest
import torch

from ..commands import REPOSITORY, run_tool, share_mini_data

# Two epochs of two batches of few points.
SHORT = [
    'train_cfg.max_epochs=2',
    'train_cfg.val_interval=1',
    'train_dataloader.num_batch_per_epoch=2',
    'train_dataloader.batch_size=2',
    'val_dataloader.num_batch_per_epoch=1',
    'val_dataloader.batch_size=8',
    'test_dataloader.num_batch_per_epoch=1',
    'test_dataloader.batch_size=8',
    'default_hooks.checkpoint.interval=1',
    'default_hooks.logger.interval=1',
    'default_hooks.visualization.interval=4',
]
SCORES = dict(eat_modelnet40='accuracy/overall', eat_shapenetpart='pIoU/instance')


def config(name):
    return REPOSITORY / 'configs' / f'{name}.py'


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clouds')
    share_mini_data(folder, tmp_path_factory)
    return folder


@pytest.fixture(scope='module', params=SCORES)
def run(request, workspace):
    """A short demo: its name, its folder, and what it printed."""
    name = request.param
    options = ['--demo', '--work-dir', name, '--cfg-options', *SHORT]
    result = run_tool('train.py', config(name), *options, cwd=workspace)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return name, workspace / name, result.stdout


def read_picture(path):
    """The different colours of a picture."""
    picture = cv2.imread(str(path))
    return {tuple(color) for color in picture.reshape(-1, 3).tolist()}


def test_a_demo_trains_evaluates_draws_and_reports(run):
    name, folder, output = run
    assert SCORES[name] in output
    assert (folder / 'epoch_2.pth').is_file()
    assert (folder / 'report.html').is_file()
    assert list(folder.glob('*/curves.png'))
    drawn = list(folder.glob('*/vis_data/vis_image/*.png'))
    # Two clouds of the eight, after each of two epochs.
    assert len(drawn) == 4
    assert all(len(read_picture(path)) > 20 for path in drawn)
    assert 'could not' not in output and 'not recorded' not in output


def test_a_resumed_run_ends_with_the_same_weights_bit_by_bit(run, workspace):
    name, folder, _ = run
    again = workspace / f'{name}_again'
    again.mkdir()
    shutil.copy(folder / 'epoch_1.pth', again)
    options = ['--demo', '--work-dir', again.name, '--resume', '--cfg-options', *SHORT]
    # More workers than before: the batches do not depend on them.
    options += ['train_dataloader.num_workers=1']
    result = run_tool('train.py', config(name), *options, cwd=workspace)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    first, second = (
        torch.load(path / 'epoch_2.pth', weights_only=False)['state_dict']
        for path in (folder, again)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_checkpoint_is_tested_and_its_predictions_are_drawn(run, workspace):
    name, folder, _ = run
    options = ['--demo', '--work-dir', f'{name}_test', '--show-dir', f'{name}_drawn']
    options += ['--out', f'{name}.pkl', '--cfg-options', *SHORT]
    result = run_tool(
        'test.py', config(name), folder / 'epoch_2.pth', *options, cwd=workspace
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    assert SCORES[name] in result.stdout
    drawn = sorted((workspace / f'{name}_drawn').glob('*.png'))
    assert [path.name for path in drawn[:2]] == [
        '00000_ply_data_test0_cloud_0.png',
        '00001_ply_data_test0_cloud_1.png',
    ]
    assert len(drawn) == 8
    with (workspace / f'{name}.pkl').open('rb') as file:
        assert len(pickle.load(file)) == 8


def test_parts_are_tested_at_several_scales(run, workspace):
    name, folder, _ = run
    drawn = f'{name}_tta_drawn'
    options = ['--demo', '--tta', '--work-dir', f'{name}_tta', '--show-dir', drawn]
    options += ['--cfg-options', *SHORT]
    result = run_tool(
        'test.py', config(name), folder / 'epoch_2.pth', *options, cwd=workspace
    )
    if name == 'eat_modelnet40':  # nothing of the kind is published
        assert result.returncode == 2
        assert '--tta: ' in result.stderr and 'has no tta_model' in result.stderr
    else:
        assert result.returncode == 0, result.stderr[-4000:]
        assert 'pIoU/instance' in result.stdout
        assert len(list((workspace / drawn).glob('*.png'))) == 8


@pytest.mark.parametrize(
    ('tool', 'options', 'message'),
    [
        ('train.py', ['--data', 'data'], '--data does not support '),
        ('train.py', ['--plan'], '--plan does not support '),
        ('train.py', [], 'no data for train_dataloader.dataset (ModelNet40); looked for'),
    ],
)
def test_what_is_for_images_is_refused(workspace, tool, options, message):
    result = run_tool(
        tool, config('eat_modelnet40'), '--work-dir', 'no', *options, cwd=workspace
    )
    assert result.returncode == 2
    assert message in result.stderr


def test_infer_names_the_tool_that_draws_clouds(run, workspace):
    name, folder, _ = run
    checkpoint = folder / 'epoch_2.pth'
    picture = next(folder.glob('*/vis_data/vis_image/*.png'))
    result = run_tool('infer.py', config(name), checkpoint, picture, cwd=workspace)
    assert result.returncode == 2
    assert 'tools/test.py CONFIG CHECKPOINT --show-dir DIR' in result.stderr


def test_a_broken_file_is_named_before_the_first_step(workspace):
    folder = workspace / 'broken'
    folder.mkdir()
    for split in ('train', 'test'):
        (folder / f'ply_data_{split}0.h5').write_bytes(b'\x89HDF\r\n\x1a\n' + b'0' * 99)
    options = [
        f'{part}_dataloader.dataset.data_root={folder}' for part in ('train', 'val')
    ]
    result = run_tool(
        'train.py', config('eat_modelnet40'), '--cfg-options', *options, cwd=workspace
    )
    assert result.returncode == 2
    assert 'ply_data_train0.h5 cannot be read as a whole HDF5 file' in result.stderr
    assert 'Traceback' not in result.stderr
