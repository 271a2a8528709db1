"""One work directory, one run."""

import json
import os
import socket
import time

import pytest

from mmgroupmix.engine import lock
from mmgroupmix.engine.lock import LOCK_FILE, WorkDirLock, check_not_in_use
from mmgroupmix.errors import UserError

from ..tool_processes import start_function


def hold(pipe, folder):
    with WorkDirLock(folder):
        pipe.send('held')
        time.sleep(60)


@pytest.fixture
def holder(tmp_path):
    process, pipe = start_function(hold, tmp_path)
    assert pipe.recv() == 'held'
    yield process
    process.kill()
    process.join()


def test_a_run_that_is_alive_is_named(tmp_path, holder):
    name = f'host {socket.gethostname()}, process {holder.pid}'
    with pytest.raises(UserError, match=name), WorkDirLock(tmp_path):
        pass
    assert (tmp_path / LOCK_FILE).exists()


def test_a_plan_finds_a_run_that_is_alive_and_creates_nothing(tmp_path, holder):
    with pytest.raises(UserError, match=f'process {holder.pid}'):
        check_not_in_use(tmp_path)
    check_not_in_use(tmp_path / 'absent')
    assert not (tmp_path / 'absent').exists()


def test_the_lock_of_a_killed_run_yields(tmp_path, holder):
    holder.kill()
    holder.join()
    with WorkDirLock(tmp_path):
        owner = json.loads((tmp_path / LOCK_FILE).read_text())
        assert owner == dict(host=socket.gethostname(), process=os.getpid())
    assert not (tmp_path / LOCK_FILE).exists()


def test_a_run_on_another_host_counts_as_dead_without_a_sign_of_life(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(lock, 'DEAD_AFTER', 1.5)
    text = json.dumps(dict(host='elsewhere', process=1))
    (tmp_path / LOCK_FILE).write_text(text)
    with WorkDirLock(tmp_path):
        pass
    (tmp_path / LOCK_FILE).write_text(text)
    monkeypatch.setattr(
        lock.time, 'sleep', lambda _: os.utime(tmp_path / LOCK_FILE, (1, 1))
    )
    with pytest.raises(UserError, match='host elsewhere, process 1'):
        WorkDirLock(tmp_path).__enter__()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    target = tmp_path / 'precious'
    target.write_text('text')
    (tmp_path / LOCK_FILE).symlink_to(target)
    with pytest.raises(UserError, match='symbolic links'), WorkDirLock(tmp_path):
        pass
    assert target.read_text() == 'text'


@pytest.mark.parametrize('content', ['', 'not JSON', '[1]', '{}'])
def test_a_lock_file_with_other_content_does_not_matter(tmp_path, content):
    (tmp_path / LOCK_FILE).write_text(content)
    with WorkDirLock(tmp_path):
        assert json.loads((tmp_path / LOCK_FILE).read_text())['process'] == os.getpid()
