"""The page on writing a mixer: its code runs as a reader would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmgroupmix.models import MetaFormer, token_mixers

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / 'docs' / 'token_mixers.md').read_text(encoding='utf-8')
BLOCKS = re.findall(r'```python\n(.*?)```', PAGE, flags=re.DOTALL)
MIXER, CONFIG, IN_PYTHON, DENSE_CONFIG, _, CHECK = BLOCKS


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A reader's folder: the files of the page, and the clone below it."""
    folder = tmp_path_factory.mktemp('reader')
    (folder / 'modulation.py').write_text(MIXER)
    (folder / 'modulation_s12.py').write_text(CONFIG)
    (folder / 'modulation_sem_fpn.py').write_text(DENSE_CONFIG)
    (folder / 'mmgroupmix').symlink_to(REPOSITORY)
    return folder


def run(folder, *arguments):
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=500,
        env=dict(os.environ, OMP_NUM_THREADS='2'),
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.mark.smoke
def test_the_mixer_is_shorter_than_thirty_lines():
    assert len(MIXER.splitlines()) < 30


@pytest.mark.slow
def test_the_config_of_the_page_trains_with_the_mixer_of_the_page(folder):
    out = run(
        folder,
        'mmgroupmix/tools/train.py',
        'modulation_s12.py',
        '--demo',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.num_batch_per_epoch=2',
        'val_dataloader.num_batch_per_epoch=2',
    )
    assert 'top1' in out
    config = next((folder / 'work_dirs/demo/modulation_s12').glob('*.py')).read_text()
    assert "type='ConvModulation'" in config


@pytest.mark.slow
def test_dense_prediction_starts_from_weights_with_the_same_mixers(folder):
    script = folder / 'dense.py'
    script.write_text("""
import torch
from mmengine.config import Config
import mmgroupmix
from mmgroupmix.errors import CheckpointError
from mmgroupmix.registry import MODELS

dense = Config.fromfile('modulation_sem_fpn.py').model.backbone
classifier = Config.fromfile('modulation_s12.py').model.backbone
trained = MODELS.build(classifier)
dense.init_cfg.checkpoint = 'trained.pth'
torch.save({'state_dict': {f'backbone.{k}': v for k, v in trained.state_dict().items()}},
           'trained.pth')
backbone = MODELS.build(dense)
backbone.init_weights()
key = 'stages.2.blocks.3.token_mixer.w3.weight'
assert torch.equal(backbone.state_dict()[key], trained.state_dict()[key])
classifier.token_mixers = 'Pooling'
torch.save(MODELS.build(classifier).state_dict(), 'trained.pth')
try:
    MODELS.build(dense).init_weights()
except CheckpointError as error:
    print(error)
""")
    assert 'It is of a model with other token_mixers than this PoolFormer' in run(
        folder, script
    )


@pytest.mark.slow
def test_the_python_of_the_page_runs(folder):
    script = folder / 'script.py'
    script.write_text(f'{IN_PYTHON}\n{CHECK}\nprint([tuple(m.shape) for m in maps])\n')
    out = run(folder, script)
    assert out.strip() == str(
        [(1, 64, 56, 56), (1, 128, 28, 28), (1, 320, 14, 14), (1, 512, 7, 7)]
    )


@pytest.mark.smoke
def test_the_page_names_every_mixer_and_its_arguments():
    import inspect

    for name in token_mixers.__all__:
        row = re.search(rf'^\| `{name}` \|(.*)$', PAGE, flags=re.MULTILINE)
        assert row, name
        arguments = list(inspect.signature(getattr(token_mixers, name)).parameters)
        for argument in arguments[1:]:
            assert f'`{argument}' in row[1], (name, argument)


@pytest.mark.smoke
def test_the_page_names_arguments_that_exist():
    import inspect

    table = PAGE.partition('## The block around it')[2].partition('## What to know')[0]
    named = re.findall(r'^\| `(\w+)` \|', table, flags=re.MULTILINE)
    assert len(named) >= 8
    assert set(named) <= set(inspect.signature(MetaFormer.__init__).parameters)
