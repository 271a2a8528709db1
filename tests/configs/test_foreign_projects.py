"""The other way in: our config by another toolbox's script (theirs: tests/docs)."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmgroupmix.mini_data import write_mini_ade20k

REPOSITORY = Path(__file__).parents[2]

TINY_RUN = """
crop_size = (64, 64)
model = dict(data_preprocessor=dict(size=crop_size))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(data_root='mini', pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(data_root='mini'))
test_dataloader = val_dataloader
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=2))
"""


def mmseg_file(*parts):
    path = Path(find_spec('mmseg').origin).parent.joinpath('.mim', *parts)
    if not path.is_file():
        pytest.skip('mmseg is installed without its tools and configs')
    return path


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp('project')
    write_mini_ade20k(folder / 'mini', num_train=4, num_val=2, min_size=64, max_size=80)
    return folder


def train_with_mmsegs_own_script(config, workspace, name):
    path = workspace / f'{name}.py'
    path.write_text(config)
    result = subprocess.run(
        [sys.executable, mmseg_file('tools', 'train.py'), path, '--work-dir', name],
        cwd=workspace,
        capture_output=True,
        text=True,
        timeout=500,
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(REPOSITORY)),
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert (workspace / name / 'iter_2.pth').is_file()
    return result.stdout + result.stderr


@pytest.mark.slow
def test_mmsegs_own_script_trains_our_config(workspace):
    ours = REPOSITORY / 'configs' / 'upernet_gmf_m_ade20k.py'
    config = f'_base_ = {str(ours)!r}\n{TINY_RUN}'
    config += 'model["backbone"] = dict(init_cfg=None)\n'
    log = train_with_mmsegs_own_script(config, workspace, 'ours')
    assert 'mIoU' in log
    assert list((workspace / 'ours').glob('*/curves.png'))
