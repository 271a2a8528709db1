"""Settings and folders that cannot be used are refused in one line."""

import pytest
import torch

from mmgroupmix.apis import test, train

pytestmark = pytest.mark.smoke

CONFIG = """
model = dict(type='ImageClassifier', head=dict(type='LinearClsHead', num_classes=2))
train_cfg = dict(max_epochs=7)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
test_dataloader = dict(dataset=dict(type='CustomDataset', pipeline=[dict(type='Pack')]))
test_evaluator = dict(type='Accuracy')
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text(CONFIG)
    torch.save(dict(state_dict={}), tmp_path / 'a.pth')
    return tmp_path


@pytest.mark.parametrize(
    'option, reason',
    [
        ('train_cfg.max_epochs.x=1', 'max_epochs'),
        ('test_dataloader.dataset.pipeline.7.type=Pack', 'Index 7'),
    ],
)
@pytest.mark.parametrize('command', [train, test])
def test_a_setting_without_a_place_is_refused(folder, capsys, command, option, reason):
    checkpoint = ['a.pth'] if command is test else []
    assert command.main(['config.py', *checkpoint, '--cfg-options', option]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: --cfg-options do not fit') and reason in error


@pytest.mark.parametrize('obstacle', ['file', 'nowhere', 'run'])
def test_a_work_directory_that_cannot_be_made_is_refused(
    folder, capsys, monkeypatch, obstacle
):
    if obstacle == 'file':
        (folder / 'run').touch()
    else:
        (folder / 'run').symlink_to(folder / obstacle)
    monkeypatch.setattr(test, 'check_run', lambda *_: [])  # there are no data
    assert test.main(['config.py', 'a.pth', '--work-dir', 'run']) == 2
    assert 'the work directory run cannot be used' in capsys.readouterr().err
    assert not (folder / 'nowhere').exists()
