"""A file that calls something is refused in one line, and nothing of it is run."""

import pickle
import zipfile

import pytest
import torch

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.checkpoints.reading import load_file

from .hostile_files import (
    PLACES,
    WEIGHTS,
    WRITERS,
    calls,
    place,
    raw_pickles,
    save_legacy,
    save_zip,
    write_legacy,
    write_zip,
)


def refuse(path):
    """The message of the refusal, which is one line and names the file."""
    with pytest.raises(CheckpointError) as error:
        load_file(path)
    message = str(error.value)
    assert '\n' not in message
    assert str(path) in message
    return message


def test_the_payloads_work(tmp_path):
    # or the other tests would show nothing
    marker = tmp_path / 'ran'
    for call in calls(marker).values():
        started = pickle.loads(pickle.dumps(call))
        if hasattr(started, 'wait'):
            started.wait()
        assert marker.exists()
        marker.unlink()


@pytest.mark.parametrize('name', calls('x'))
@pytest.mark.parametrize('write', ['zip', 'legacy', 'plain_pickle'])
def test_the_function_that_a_file_calls_is_named(write, name, file, marker):
    WRITERS[write](place(calls(marker)[name], 'meta'), file)
    message = refuse(file)
    assert f'it calls {name}.' in message
    assert '--trust-checkpoint' in message


@pytest.mark.parametrize('write', ['zip', 'legacy'])
@pytest.mark.parametrize('where', [*PLACES, 'key'])
def test_a_call_is_found_wherever_it_is(where, write, file, marker):
    WRITERS[write](place(calls(marker)['posix.system'], where), file)
    assert 'posix.system' in refuse(file)


@pytest.mark.parametrize('protocol', range(6))
def test_a_call_is_found_in_every_protocol(protocol, file, marker):
    content = dict(state_dict={}, meta=calls(marker)['posix.system'])
    for save in (save_zip, save_legacy):
        save(content, file, pickle_protocol=protocol)
        assert 'posix.system' in refuse(file)


@pytest.mark.parametrize('name', [n for n in raw_pickles('x') if n != 'new_object'])
def test_every_instruction_that_calls_is_refused(name, file, marker):
    data = raw_pickles(marker)[name]
    for write in (write_zip, write_legacy, lambda path, data: path.write_bytes(data)):
        write(file, data)
        message = refuse(file)
        assert any(
            called in message
            for called in ('posix.system', 'os.system', 'builtins.getattr')
        )


def test_a_new_object_of_a_function_is_inert(file, marker):
    write_zip(file, raw_pickles(marker)['new_object'])
    assert load_file(file) == {} or not load_file(file)


def test_the_tar_format_is_refused(file, marker):
    WRITERS['tar'](place(calls(marker)['posix.system'], 'meta'), file)
    assert '.tar' in refuse(file)


def test_a_torchscript_archive_is_refused(file):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(file))
    assert 'TorchScript' in refuse(file)


def test_weights_beside_torchscript_records_are_refused(file):
    torch.save(WEIGHTS, file)
    with zipfile.ZipFile(file, 'a') as archive:
        archive.writestr('file/constants.pkl', pickle.dumps(()))
    assert 'TorchScript' in refuse(file)


def test_a_getattr_of_a_method_is_refused(file):
    data = (
        b'cmmengine.logging.history_buffer\nHistoryBuffer\nq\x000cbuiltins\ngetattr\n'
        b"(h\x00S'__init__'\ntR."
    )
    write_zip(file, data)
    refuse(file)


def test_a_method_of_a_dict_is_not_replaced(file):
    write_zip(file, b"ccollections\nOrderedDict\n)R}S'items'\nI1\nsb.")
    assert 'replaces a method' in refuse(file)


def test_a_name_from_the_file_is_printed_as_one_line(file):
    write_zip(file, b'\x80\x04\x8c\x05a\nb\x1bc\x8c\x01f\x93)R.')
    assert r'a\nb\x1bc.f' in refuse(file)


def test_a_shared_numpy_type_is_not_changed(file):
    data = b"cnumpy\ndtype\n(S'f8'\nI00\nI00\ntR(I3\nS'>'\nNNNI-1\nI-1\nI0\ntb."
    write_zip(file, data)
    refuse(file)
    assert torch.ones(1, dtype=torch.float64).numpy().dtype.isnative


@pytest.mark.parametrize(
    'link', ['folder', 'loop', 'pipe', 'device', 'unreadable_name', 'empty']
)
def test_what_is_not_a_file_is_named(link, tmp_path):
    import os

    path = tmp_path / 'file.pth'
    if link == 'folder':
        path.mkdir()
    elif link == 'loop':
        path.symlink_to(path)
    elif link == 'pipe':
        os.mkfifo(path)
    elif link == 'device':
        path.symlink_to('/dev/zero')
    elif link == 'unreadable_name':
        path = tmp_path / ('x' * 300)
    else:
        path.touch()
    word = dict(
        folder='a folder',
        loop='loop of links',
        pipe='a pipe',
        device='a device',
        unreadable_name='too long',
        empty='0 bytes',
    )[link]
    assert word in refuse(path)
