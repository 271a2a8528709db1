"""Starting the commands as a user does."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from mmengine.config import Config

from .tool_processes import run_command

REPOSITORY = Path(__file__).parents[1]

CONFIGS = dict(
    seg='mmseg/segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
    det='mmdet/retinanet/retinanet_r18_fpn_1x_coco.py',
    cls='mmpretrain/resnet/resnet18_8xb32_in1k.py',
)

CHECKPOINTS = dict(seg='iter_2.pth', det='epoch_1.pth', cls='epoch_1.pth')

SHORT = dict(
    seg=[
        'train_cfg.max_iters=2',
        'val_dataloader.num_batch_per_epoch=4',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.interval=1',
    ],
    # Every fourth image is drawn, from wherever the training stands.
    det=[
        'train_cfg.max_epochs=1',
        'train_dataloader.num_batch_per_epoch=2',
        'val_dataloader.num_batch_per_epoch=4',
        'default_hooks.logger.interval=1',
        'model.test_cfg.score_thr=0.0',
    ],
    cls=[
        'train_cfg.max_epochs=1',
        'train_dataloader.num_batch_per_epoch=2',
        'val_dataloader.num_batch_per_epoch=1',
        'default_hooks.logger.interval=1',
    ],
)


def shipped_config(name):
    """A config that ships with a toolbox: the case of a user's own config."""
    toolbox, _, file = name.partition('/')
    folder = Path(find_spec(toolbox).origin).parent / '.mim' / 'configs'
    if not folder.is_dir():
        pytest.skip(f'{toolbox} is installed without its configs')
    return str(folder / file)


def share_mini_data(workspace, tmp_path_factory):
    """Let the demos in a folder use mini datasets that all test processes share.

    They are links to folders where ``--demo`` writes a dataset if it is not yet there.
    """
    shared = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ:
        shared = shared.parent
    shared = shared / 'mini_data'
    shared.mkdir(exist_ok=True)
    (workspace / 'data').mkdir()
    (workspace / 'data' / 'mini').symlink_to(shared)


def run_tool(tool, *arguments, cwd):
    """Run a command in the folder ``cwd``, in a process that has its imports done."""
    return run_command(tool.removesuffix('.py'), arguments, cwd)


def run_script(script, *arguments, cwd):
    """Start a script of tools/ as a user does, in the folder ``cwd``."""
    return subprocess.run(
        [sys.executable, str(REPOSITORY / 'tools' / script), *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=500,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
    )


def run_short_demo(task, workspace):
    """Train the toolbox's config of a task for two steps, into ``run_<task>``."""
    config = shipped_config(CONFIGS[task])
    folder = f'run_{task}'
    options = ['--demo', '--work-dir', folder, '--cfg-options', *SHORT[task]]
    result = run_tool('train.py', config, *options, cwd=workspace)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return result


def config_of_run(task):
    return Path(f'run_{task}') / CONFIGS[task].rpartition('/')[2]


def infer(task, workspace, *arguments):
    """tools/infer.py with the model of a short run; its config is in its folder."""
    return run_tool(
        'infer.py',
        config_of_run(task),
        f'run_{task}/{CHECKPOINTS[task]}',
        *arguments,
        cwd=workspace,
    )


def mini_images(task, workspace):
    """The validation images of a short run; other tests may have made others."""
    data = Config.fromfile(workspace / config_of_run(task)).val_dataloader.dataset
    folder = dict(seg='images/validation', det='val2017', cls='val')[task]
    return workspace / data.data_root / folder


def read_json(path):
    return json.loads(path.read_text())
