"""``tools/train.py --data``: options, and the written config in its own folder."""

import pytest
from mmengine.config import Config

from mmgroupmix.apis.command_line import load_config
from mmgroupmix.apis.train import _build_parser
from mmgroupmix.errors import UserError

from ...commands import REPOSITORY
from .folders import CLASSES, write_class_folders
from .preparing import CLASSIFIER, build_dataset

pytestmark = pytest.mark.smoke

CONFIG = str(REPOSITORY / 'configs' / f'{CLASSIFIER}.py')
#: A config that imports its parts, as mmengine's newer style is.
NEW_STYLE = """
from mmengine.dataset import DefaultSampler
from mmpretrain.datasets import ImageNet, LoadImageFromFile, PackInputs
from mmpretrain.models import GlobalAveragePooling, ImageClassifier, LinearClsHead, ResNet

default_scope = 'mmpretrain'
model = dict(
    type=ImageClassifier, backbone=dict(type=ResNet, depth=18),
    neck=dict(type=GlobalAveragePooling),
    head=dict(type=LinearClsHead, num_classes=1000, in_channels=512))
pipeline = [dict(type=LoadImageFromFile), dict(type=PackInputs)]
train_dataloader = dict(
    batch_size=32, sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(type=ImageNet, data_root='data', split='train', pipeline=pipeline))
val_dataloader = dict(
    batch_size=32, sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(type=ImageNet, data_root='data', split='val', pipeline=pipeline))
val_evaluator = dict(type='Accuracy')
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))
train_cfg = dict(by_epoch=True, max_epochs=100)
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_class_folders(tmp_path / 'fruit', CLASSES)
    return 'fruit'


def load(*arguments):
    return load_config(_build_parser().parse_args(arguments))[0]


def test_a_run_has_the_written_config_and_the_options_of_the_user(data, tmp_path, capsys):
    options = ('--cfg-options', 'model.backbone.init_cfg=None', 'train_cfg.max_epochs=7')
    cfg = load(CONFIG, '--data', data, *options)
    assert cfg.model.head.num_classes == len(CLASSES)
    assert cfg.train_cfg.max_epochs == 7
    assert cfg.work_dir == f'work_dirs/{CLASSIFIER}'
    written = f'{cfg.work_dir}/{CLASSIFIER}_fruit.py'
    assert written in capsys.readouterr().out
    # The complete config, which the runner writes, does not replace it.
    assert cfg.filename == CONFIG
    # Without the option, from the work directory and into it.
    again = load(written, '--work-dir', cfg.work_dir)
    assert again.filename == CONFIG
    assert again.train_dataloader == cfg.train_dataloader
    elsewhere = load(written)
    assert elsewhere.work_dir == f'work_dirs/{CLASSIFIER}_fruit'


def test_a_config_of_the_users_own_is_not_taken_for_a_written_one(data, tmp_path):
    (tmp_path / 'mine.py').write_text(f'_base_ = {CONFIG!r}')
    with pytest.raises(UserError, match='would overwrite'):
        load('mine.py', '--work-dir', '.')


def test_generated_and_own_data_exclude_each_other(data):
    with pytest.raises(UserError, match='--demo generates data; --data names yours'):
        load(CONFIG, '--data', data, '--demo')


def test_a_config_of_imports_becomes_a_complete_one(data, tmp_path):
    (tmp_path / 'mine.py').write_text(NEW_STYLE)
    load('mine.py', '--data', data, '--work-dir', 'run')
    cfg = Config.fromfile('run/mine_fruit.py')
    assert cfg.model.head.num_classes == len(CLASSES)
    assert cfg.model.backbone.depth == 18
    assert build_dataset(cfg, 'train').metainfo['classes'] == CLASSES
