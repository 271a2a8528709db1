"""The page on token mixers: its code runs as a reader would run it."""

import inspect
import re
import sys

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmgroupmix.errors import CheckpointError, UserError
from mmgroupmix.models import (
    GroupMixAttention,
    MetaFormer,
    MetaFormerBlock,
    PoolFormer,
    token_mixers,
)
from mmgroupmix.registry import MODELS, TOKEN_MIXERS

from ..commands import share_mini_data
from .pages import REPOSITORY, find_code, find_tables, read_page
from .processes import run_python

PAGE = read_page('token_mixers')
MIXER, CONFIG, IN_PYTHON, DENSE_CONFIG, _, CHECK = find_code(PAGE)
UNKNOWN, RETURNS_MAP, TAKES_TOKENS, OTHER_WEIGHTS = (
    re.escape(row[0].strip('`')) for row in find_tables(PAGE)[-1][1:]
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The user's folder: the files of the page, and the clone next to them."""
    folder = tmp_path_factory.mktemp('reader')
    (folder / 'modulation.py').write_text(MIXER)
    (folder / 'modulation_s12.py').write_text(CONFIG)
    (folder / 'modulation_sem_fpn.py').write_text(DENSE_CONFIG)
    (folder / 'mmgroupmix').symlink_to(REPOSITORY)
    share_mini_data(folder, tmp_path_factory)
    return folder


@pytest.fixture
def in_folder(folder, monkeypatch):
    """This process in the user's folder; afterwards the mixer is forgotten again."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    yield
    sys.modules.pop('modulation', None)
    TOKEN_MIXERS.module_dict.pop('ConvModulation', None)


@pytest.mark.smoke
def test_the_mixer_is_shorter_than_thirty_lines():
    assert len(MIXER.splitlines()) < 30


@pytest.mark.slow
def test_the_config_of_the_page_trains_with_the_mixer_of_the_page(folder):
    out = run_python(
        folder,
        'mmgroupmix/tools/train.py',
        'modulation_s12.py',
        '--demo',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.num_batch_per_epoch=2',
        'val_dataloader.num_batch_per_epoch=2',
        'default_hooks.checkpoint.save_optimizer=False',
    )
    assert 'top1' in out
    config = next((folder / 'work_dirs/demo/modulation_s12').glob('*.py')).read_text()
    assert "type='ConvModulation'" in config


def test_detection_and_segmentation_start_from_weights_with_the_same_mixers(in_folder):
    backbone_cfg = Config.fromfile('modulation_sem_fpn.py').model.backbone
    classifier_cfg = Config.fromfile('modulation_s12.py').model.backbone
    trained = MODELS.build(classifier_cfg).state_dict()
    backbone_cfg.init_cfg.checkpoint = 'trained.pth'
    file = {f'backbone.{key}': value for key, value in trained.items()}
    torch.save(dict(state_dict=file), 'trained.pth')
    backbone = MODELS.build(backbone_cfg)
    backbone.init_weights()
    key = 'stages.2.blocks.3.token_mixer.w3.weight'
    assert torch.equal(backbone.state_dict()[key], trained[key])

    classifier_cfg.token_mixers = 'Pooling'
    torch.save(MODELS.build(classifier_cfg).state_dict(), 'trained.pth')
    with pytest.raises(CheckpointError, match=OTHER_WEIGHTS):
        MODELS.build(backbone_cfg).init_weights()


@pytest.mark.slow
def test_the_python_of_the_page_runs(folder):
    # In a process of its own: there, a folder named like the package is in the way.
    (folder / 'script.py').write_text(
        f'{IN_PYTHON}\n{CHECK}\nprint([tuple(x.shape) for x in maps])\n'
    )
    shapes = [(1, 64, 56, 56), (1, 128, 28, 28), (1, 320, 14, 14), (1, 512, 7, 7)]
    assert run_python(folder, 'script.py').startswith(f'{shapes}\n')


def test_the_check_of_the_page_finds_a_mixer_that_mixes_the_batch(in_folder):
    variables = {}
    exec(IN_PYTHON, variables)
    mixing = lambda self, x: x + x.mean(0, keepdim=True)  # noqa: E731
    variables['modulation'].ConvModulation.forward = mixing
    with pytest.raises(AssertionError):
        exec(CHECK, variables)


@pytest.mark.smoke
def test_a_mixer_that_is_not_registered_is_named():
    with pytest.raises(UserError, match=UNKNOWN):
        PoolFormer('s12', token_mixers='ConvModulation')


@pytest.mark.smoke
def test_a_mixer_that_returns_a_map_or_convolves_tokens_is_reported():
    class ConvModulation(nn.Identity):
        def forward(self, x):
            return x.permute(0, 3, 1, 2)

    tokens = torch.zeros(16, 14, 14, 64)
    with pytest.raises(UserError, match=RETURNS_MAP):
        MetaFormerBlock(64, ConvModulation())(tokens)
    with pytest.raises(RuntimeError, match=TAKES_TOKENS):
        MetaFormerBlock(64, nn.Conv2d(64, 64, 3))(tokens)


@pytest.mark.smoke
def test_the_page_names_every_mixer_and_its_arguments():
    for name in token_mixers.__all__:
        row = re.search(rf'^\| `{name}` \|(.*)$', PAGE, flags=re.MULTILINE)
        assert row, name
        arguments = list(inspect.signature(getattr(token_mixers, name)).parameters)
        for argument in arguments[1:]:
            assert f'`{argument}' in row[1], (name, argument)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'title, function, count',
    [
        ('Change the block around the mixer', MetaFormer.__init__, 8),
        ('Change the aggregators of GroupMixFormer', GroupMixAttention.__init__, 3),
    ],
)
def test_the_page_names_arguments_that_exist(title, function, count):
    section = PAGE.partition(f'## {title}')[2].partition('## ')[0]
    named = re.findall(r'^\| `(\w+)` \|', section, flags=re.MULTILINE)
    assert len(named) >= count
    assert set(named) <= set(inspect.signature(function).parameters)
