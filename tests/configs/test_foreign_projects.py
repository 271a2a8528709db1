"""Another toolbox trains our config with its own script (its own config: tests/docs)."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mmgroupmix.mini_data import write_mini_ade20k

REPOSITORY = Path(__file__).parents[2]

# Two steps on small crops and a validation, with narrow heads.
CONFIG = """
_base_ = {base!r}
crop_size = (64, 64)
model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(init_cfg=None),
    decode_head=dict(channels=32),
    auxiliary_head=dict(channels=32))
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
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval=2, save_optimizer=False))
"""


def find_mmseg_script():
    path = Path(find_spec('mmseg').origin).parent / '.mim' / 'tools' / 'train.py'
    if not path.is_file():
        pytest.skip('mmseg is installed without its tools')
    return path


@pytest.mark.slow
def test_mmsegs_own_script_trains_and_evaluates_our_config(tmp_path):
    script = find_mmseg_script()
    write_mini_ade20k(tmp_path / 'mini', num_train=4, num_val=2, min_size=64, max_size=80)
    base = REPOSITORY / 'configs' / 'upernet_gmf_m_ade20k.py'
    (tmp_path / 'ours.py').write_text(CONFIG.format(base=str(base)))
    result = subprocess.run(
        [sys.executable, script, 'ours.py', '--work-dir', 'work_dir'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(REPOSITORY)),
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert (tmp_path / 'work_dir' / 'iter_2.pth').is_file()
    (scalars,) = (tmp_path / 'work_dir').glob('*/vis_data/scalars.json')
    records = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert [record['iter'] for record in records if 'loss' in record] == [1, 2]
    (evaluation,) = (record for record in records if 'mIoU' in record)
    assert evaluation['step'] == 2 and 0 <= evaluation['mIoU'] <= 100
    # Drawn by a hook of this package.
    assert list((tmp_path / 'work_dir').glob('*/curves.png'))
