"""`tools/train.py CONFIG --demo` for every config of the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CONFIGS = sorted((REPOSITORY / 'configs').glob('*.py'))


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp('demos')


@pytest.mark.slow
@pytest.mark.parametrize('config', CONFIGS, ids=[path.stem for path in CONFIGS])
def test_the_demo_trains_evaluates_and_draws(config, workspace):
    result = subprocess.run(
        [sys.executable, REPOSITORY / 'tools' / 'train.py', config, '--demo',
         '--cfg-options', 'train_cfg.max_iters=2',
         'val_dataloader.num_batch_per_epoch=5'],
        cwd=workspace, capture_output=True, text=True, timeout=500,
        env=dict(os.environ, OMP_NUM_THREADS='2'))
    assert result.returncode == 0, result.stderr[-3000:]
    folder = workspace / 'work_dirs' / 'demo' / config.stem
    assert (folder / 'iter_2.pth').is_file()
    assert list(folder.glob('*/curves.png'))
    assert list(folder.glob('*/vis_data/vis_image/*.png'))
    assert 'result       mIoU' in result.stdout
    for checkpoint in folder.glob('*.pth'):
        checkpoint.unlink()  # up to a gigabyte each
