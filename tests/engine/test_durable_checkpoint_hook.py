"""Checkpoints are whole or absent, and the old one goes after the new one is complete."""

import errno
import os
import shutil

import pytest
import torch
from mmengine.hooks import CheckpointHook

from mmgroupmix.checkpoints.atomic_files import remove_temporary_files, write_atomically
from mmgroupmix.checkpoints.reading import load_file
from mmgroupmix.engine.resuming import find_damage, find_resumable, remove_torn
from mmgroupmix.errors import UserError

from .test_bit_equal_resume import Killed, KillHook
from .tiny_training import build_tiny_runner, load_last, tiny_config


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('finished')
    build_tiny_runner(tiny_config(work_dir)).train()
    return work_dir


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / 'copied')


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / 'file'
    write_atomically(path, b'old')

    def full(descriptor):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space left'):
        write_atomically(path, b'new')
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_was_writing_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'replace', lambda *_: os.kill(os.getpid(), 9))
    child = os.fork()
    if not child:
        write_atomically(tmp_path / 'file', b'new')
        os._exit(0)
    os.waitpid(child, 0)
    assert not (tmp_path / 'file').exists()
    (left,) = tmp_path.iterdir()
    (tmp_path / '.hidden').write_text("the user's")
    assert remove_temporary_files(tmp_path) == [left]
    assert [path.name for path in tmp_path.iterdir()] == ['.hidden']


@pytest.mark.parametrize('write', range(1, 5))
def test_a_full_disk_at_any_write_leaves_a_checkpoint_to_resume_from(
    tmp_path, monkeypatch, write
):
    cfg = tiny_config(tmp_path, length=4)
    cfg.default_hooks.checkpoint.max_keep_ckpts = 1
    build_tiny_runner(cfg.copy()).train()
    before = load_last(tmp_path)
    replace, count = os.replace, 0

    def full(source, target):
        nonlocal count
        count += 1
        if count >= write:
            raise OSError(errno.ENOSPC, 'No space left on device')
        replace(source, target)

    cfg.train_cfg.max_iters = 8
    (newest,) = find_resumable(tmp_path)
    runner = build_tiny_runner(cfg.copy(), str(newest))
    with monkeypatch.context() as patch:
        patch.setattr(os, 'replace', full)
        with pytest.raises(OSError, match='No space left'):
            runner.train()
    newest = find_resumable(tmp_path)[0]
    assert find_damage(newest) is None
    after = torch.load(newest, weights_only=False)
    assert after['meta']['iter'] >= before['meta']['iter']
    build_tiny_runner(cfg.copy(), str(newest)).train()
    assert load_last(tmp_path)['meta']['iter'] == 8


def test_the_new_best_checkpoint_is_complete_before_the_old_one_goes(
    tmp_path, monkeypatch
):
    present = []
    remove = os.remove

    def record(path, *args, **kwargs):
        present.append(sorted(one.name for one in tmp_path.glob('*.pth')))
        remove(path, *args, **kwargs)

    monkeypatch.setattr(os, 'remove', record)
    cfg = tiny_config(tmp_path, length=6, interval=1)
    cfg.default_hooks.checkpoint.rule = 'less'
    cfg.default_hooks.checkpoint.max_keep_ckpts = 1
    build_tiny_runner(cfg).train()
    assert present
    assert all(
        len([name for name in names if name.startswith(kind)]) == 2
        for names in present
        for kind in ('iter_', 'best_')
        if any(name.startswith('best_') for name in names) and names[-1].startswith(kind)
    )
    assert len(list(tmp_path.glob('best_*'))) == 1
    assert len(list(tmp_path.glob('iter_*'))) == 1


def test_a_copied_work_directory_resumes_from_its_own_files(copied, finished):
    assert (copied / 'last_checkpoint').read_text() == 'iter_8.pth'
    before = sorted(finished.glob('*.pth'))
    cfg = tiny_config(copied, length=12)
    cfg.default_hooks.checkpoint.greater_keys = ['acc']
    build_tiny_runner(cfg, str(find_resumable(copied)[0])).train()
    assert sorted(finished.glob('*.pth')) == before
    best = load_last(copied)['message_hub']['runtime_info']['best_ckpt']
    assert [path.name for path in copied.glob('best_*')] == [os.path.basename(best)]


def test_a_best_checkpoint_that_the_resumed_run_does_not_know_is_removed(tmp_path):
    cfg = tiny_config(tmp_path)
    runner = build_tiny_runner(cfg.copy())
    runner.register_hook(KillHook('after_val_epoch', 2))
    with pytest.raises(Killed):
        runner.train()
    forgotten = tmp_path / 'best_acc_iter_3.pth'
    forgotten.write_bytes(b'saved by the run after the checkpoint')
    other = tmp_path / 'best_of_my_own.pth'
    other.write_bytes(b"the user's")
    build_tiny_runner(cfg.copy(), str(find_resumable(tmp_path)[0])).train()
    assert not forgotten.exists()
    assert other.exists()


@pytest.mark.parametrize('kind', ['CheckpointHook', 'DurableCheckpointHook'])
@pytest.mark.parametrize(
    'key, value',
    [
        ('interim_ckpt', '{victim}/kept.pth'),
        ('interim_ckpt', '../victim/kept.pth'),
        ('interim_ckpt', ['a list']),
        ('best_ckpt', '{victim}/kept.pth'),
        ('best_ckpt', '{victim}'),
        ('best_ckpt', '{victim}/'),
        ('best_ckpt', 'anywhere/..'),
        ('best_ckpt', 'anywhere/users.pth'),
        ('keep_ckpt_ids', ['x/../../victim/kept'] * 3),
        ('keep_ckpt_ids', 'text'),
    ],
)
def test_a_checkpoint_cannot_have_other_files_removed(copied, tmp_path, key, value, kind):
    victim = tmp_path / 'victim/kept.pth'
    for path in (victim, copied / 'users.pth', copied / 'iter_x/users.pth'):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"the user's")
    content = load_last(copied)
    if isinstance(value, str):
        value = value.format(victim=victim.parent)
    # any later score is a new best one
    content['message_hub']['runtime_info'].update({key: value, 'best_score': -1e9})
    torch.save(content, tmp_path / 'hostile.pth')
    cfg = tiny_config(copied, length=12)
    runner = build_tiny_runner(cfg, str(tmp_path / 'hostile.pth'))
    if kind == 'CheckpointHook':
        plain = CheckpointHook(
            interval=2, by_epoch=False, max_keep_ckpts=2, save_best='acc', rule='greater'
        )
        runner._hooks = [
            plain if isinstance(hook, CheckpointHook) else hook for hook in runner._hooks
        ]
    runner.train()
    assert (copied / 'iter_12.pth').is_file()
    assert victim.is_file()
    assert (copied / 'users.pth').is_file()
    assert (copied / 'iter_x/users.pth').is_file()


def test_weights_of_another_shape_are_not_resumed(copied, tmp_path):
    content = load_last(copied)
    content['state_dict']['layers.3.weight'] = torch.ones(5, 8)
    torch.save(content, tmp_path / 'wider.pth')
    runner = build_tiny_runner(
        tiny_config(copied, length=12), str(tmp_path / 'wider.pth')
    )
    with pytest.raises(UserError, match=r'layers\.3\.weight .*\(5, 8\).*\(1, 8\)'):
        runner.train()


def test_every_flipped_byte_of_a_record_is_found(copied):
    path = copied / 'iter_8.pth'
    content = path.read_bytes()
    assert find_damage(path) is None
    # The weights of the first layer: random bytes that stand nowhere else.
    weight = load_last(copied)['state_dict']['layers.0.weight'].numpy().tobytes()
    place = content.index(weight)
    for offset in range(0, len(weight), 7):
        damaged = bytearray(content)
        damaged[place + offset] ^= 1
        path.write_bytes(damaged)
        assert 'checksum' in find_damage(path)


def test_torn_files_are_found_and_removed_whatever_their_length(copied):
    content = (copied / 'iter_8.pth').read_bytes()
    for length in (0, 1, 4, 100, len(content) // 2, len(content) - 1):
        (copied / 'iter_9.pth').write_bytes(content[:length])
        assert find_damage(copied / 'iter_9.pth') is not None
    torn = [copied / 'best_acc_iter_9.pth', copied / 'iter_9.pth']
    torn[0].write_bytes(content[:500])
    (copied / 'pretrained.pth').write_bytes(content[:500])
    assert remove_torn(copied) == torn
    assert (copied / 'pretrained.pth').exists()
    assert (copied / 'iter_8.pth').exists()


def test_checkpoints_are_ordered_by_progress_and_not_by_time(tmp_path):
    names = ['epoch_10.pth', 'epoch_9_iter_95.pth', 'epoch_9.pth', 'epoch_2.pth']
    for name in [*names, 'best_acc_epoch_11.pth', 'iter_500.pth']:
        (tmp_path / name).touch()
    (tmp_path / 'last_checkpoint').write_text('epoch_10.pth')
    found = [path.name for path in find_resumable(tmp_path)]
    assert found == [*names, 'iter_500.pth']


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_broken_weights_are_not_saved(tmp_path, value):
    runner = build_tiny_runner(tiny_config(tmp_path))

    def spoil(runner, *args, **kwargs):
        if runner.iter == 4:
            runner.model.layers[0].weight.data[0, 0] = value

    hook = KillHook('before_train_iter', 0)
    hook.before_train_iter = spoil
    runner.register_hook(hook)
    with pytest.raises(
        UserError, match=r'layers.0.weight.*last good checkpoint is .*iter_4'
    ):
        runner.train()
    assert [path.name for path in find_resumable(tmp_path)] == [
        'iter_4.pth',
        'iter_2.pth',
    ]


def test_a_runner_of_a_toolbox_resumes_the_newest_whole_checkpoint(copied, monkeypatch):
    # Without the command of this package; the folder is not the current one.
    newest = copied / 'iter_8.pth'
    newest.write_bytes(newest.read_bytes()[:-40])
    cfg = tiny_config(copied, length=10)
    runner = build_tiny_runner(cfg)
    runner._resume = True
    started = []
    runner.register_hook(KillHook('before_train_iter', 1))
    monkeypatch.setattr(
        runner, 'resume', lambda path, **_: started.append(os.path.basename(path))
    )
    with pytest.raises(Killed):
        runner.train()
    assert started == ['iter_6.pth']


def test_weights_are_written_as_safetensors_too(tmp_path):
    cfg = tiny_config(tmp_path, length=4)
    cfg.default_hooks.checkpoint.update(
        type='mmgroupmix.DurableCheckpointHook', safetensors=True
    )
    build_tiny_runner(cfg).train()
    (best,) = tmp_path.glob('best_*.pth')
    for path in (tmp_path / 'iter_4.pth', best):
        expected = torch.load(path, weights_only=False)['state_dict']
        written = load_file(path.with_suffix('.safetensors'))
        assert written['state_dict'].keys() == expected.keys()
        for name, tensor in expected.items():
            assert torch.equal(written['state_dict'][name], tensor)
