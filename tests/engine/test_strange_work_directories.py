"""What a work directory may hold besides the files of its run."""

import os
import shutil

import pytest
import torch

from mmgroupmix.apis.config.work_dir import find_checkpoints
from mmgroupmix.apis.resume import choose_seed
from mmgroupmix.apis.training_summary import find_last_checkpoint
from mmgroupmix.engine.lock import LOCK_FILE, WorkDirLock
from mmgroupmix.engine.resuming import find_newest, move_folders_aside
from mmgroupmix.errors import UserError

from .test_bit_equal_resume import Killed, KillHook
from .tiny_training import build_tiny_runner, tiny_config


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('finished')
    build_tiny_runner(tiny_config(work_dir, length=4)).train()
    return work_dir


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / 'copied')


def test_folders_in_place_of_files_are_renamed_and_not_lost(tmp_path):
    names = ['best_acc_iter_4.pth', 'iter_4.pth', 'last_checkpoint', 'last_validation']
    for name in [*names, 'my_folder.pth']:
        (tmp_path / name).mkdir()
        (tmp_path / name / 'content').touch()
    assert find_checkpoints(tmp_path) == [], 'it holds no run'
    (tmp_path / 'iter_4.pth.folder').touch()
    moved = {path.name: target.name for path, target in move_folders_aside(tmp_path)}
    assert moved == {name: f'{name}.folder' for name in names} | {
        'iter_4.pth': 'iter_4.pth.folder2'
    }
    assert all((tmp_path / name / 'content').is_file() for name in moved.values())
    assert (tmp_path / 'my_folder.pth').is_dir()


def test_damage_that_only_pytorch_notices_is_found(copied):
    path = copied / 'iter_4.pth'
    content = bytearray(path.read_bytes())
    content[-30] ^= 255  # in the locator of the directory, which zipfile passes over
    path.write_bytes(content)
    skipped = []
    newest, _ = find_newest(copied, skipped.append)
    assert os.path.basename(newest) == 'iter_2.pth'
    assert 'iter_4.pth' in skipped[0]


@pytest.mark.parametrize('key', ['layers.0.weight', 'layers.3.bias'])
@pytest.mark.parametrize('change', ['missing', 'another shape'])
def test_a_checkpoint_of_another_model_is_refused(copied, key, change):
    path = copied / 'iter_4.pth'
    content = torch.load(path, weights_only=False)
    weight = content['state_dict'].pop(key)
    if change != 'missing':
        content['state_dict'][key] = torch.cat([weight, weight])
    torch.save(content, path)
    runner = build_tiny_runner(tiny_config(copied), str(path))
    message = f'lacks {key}' if change == 'missing' else f'{key} has the shape'
    with pytest.raises(UserError, match=f'iter_4.pth: .*{message}'):
        runner.train()


@pytest.mark.parametrize(
    'part, value',
    [('optimizer', dict(state={}, param_groups=[])), ('random_states', [{}])],
)
def test_a_state_that_does_not_fit_is_reported_in_one_message(copied, part, value):
    path = copied / 'iter_2.pth'
    content = torch.load(path, weights_only=False)
    torch.save(content | {part: value}, path)
    runner = build_tiny_runner(tiny_config(copied, length=4), str(path))
    with pytest.raises(UserError, match=r'annot resume from .*iter_2\.pth'):
        runner.train()


@pytest.mark.parametrize('text', [b'', b'\xff\x00', b'/else/iter_2.pth', b'a' * 5000])
def test_a_note_of_no_use_names_the_newest_checkpoint(copied, text):
    (copied / 'last_checkpoint').write_bytes(text)
    assert find_last_checkpoint(copied) == copied / 'iter_4.pth'


@pytest.mark.parametrize('text', [b'\xff\x00', '²'.encode(), b'9' * 5000])
def test_a_damaged_note_of_the_validation_means_that_it_is_due(copied, text):
    (copied / 'last_validation').write_bytes(text)
    runner = build_tiny_runner(tiny_config(copied, length=4), str(copied / 'iter_4.pth'))
    runner.register_hook(KillHook('before_val', 1))
    with pytest.raises(Killed):
        runner.train()


@pytest.mark.parametrize('obstacle', ['folder', 'link', 'file in place of the directory'])
def test_a_work_directory_that_cannot_be_locked_is_refused(tmp_path, obstacle):
    work_dir = tmp_path / 'run'
    if obstacle == 'folder':
        (work_dir / LOCK_FILE).mkdir(parents=True)
    elif obstacle == 'link':
        work_dir.mkdir()
        (work_dir / LOCK_FILE).symlink_to(tmp_path / 'target')
    else:
        work_dir.touch()
    with (
        pytest.raises(UserError, match=r'cannot be used.*--work-dir'),
        WorkDirLock(work_dir),
    ):
        pass
    assert not (tmp_path / 'target').exists()


@pytest.mark.parametrize('seed', [-4, 2**40, 'seven', None])
def test_a_seed_that_is_none_is_not_taken_from_a_checkpoint(tmp_path, seed):
    assert choose_seed(tiny_config(tmp_path, seed=6), dict(seed=seed)) == 6


@pytest.mark.parametrize('name', ['iter_{}.pth', 'state_{}'])
def test_checkpoints_outside_of_the_work_directory_are_resumed(tmp_path, name):
    cfg = tiny_config(tmp_path / 'run', length=4)
    hook = cfg.default_hooks.checkpoint
    hook.update(out_dir=str(tmp_path / 'out'), filename_tmpl=name)
    build_tiny_runner(cfg).train()
    newest, meta = find_newest(tmp_path / 'run', print)
    assert newest == str(tmp_path / 'out' / 'run' / name.format(4))
    assert meta['iter'] == 4
