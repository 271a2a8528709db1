"""Trainings in real processes: killed, signalled, stopped, on one rank and on two."""

import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..tool_processes import start_command
from .tiny_training import assert_equal_training, load_last, tiny_config

#: Seconds to wait for a step of a training before a test has failed.
PATIENCE = 240
TRAIN = Path(__file__).parents[2] / 'tools' / 'train.py'


@pytest.fixture
def config(tmp_path):
    """A config file; a step takes a moment, so that a signal finds one in progress."""
    cfg = tiny_config('unused', length=24, interval=6)
    cfg.pop('work_dir')
    cfg.model.pause = 0.02
    cfg.log_level = 'INFO'
    cfg.dump(tmp_path / 'tiny.py')
    return tmp_path / 'tiny.py'


def start(config, work_dir, *arguments, ranks=1):
    launcher = ['--launcher', 'pytorch'] if ranks > 1 else []
    options = ['--work-dir', work_dir, '--resume', *launcher, *arguments]
    return start_command('train', [config, *options], config.parent, ranks)


def wait_for(process, pattern):
    """Wait until a process has written a line that matches, or has ended."""
    end = time.monotonic() + PATIENCE
    while not re.search(pattern, process.read('stdout')):
        if process.exitcode is not None or time.monotonic() > end:
            pytest.fail(process.read('stdout')[-1000:] + process.read('stderr')[-3000:])
        time.sleep(0.01)


def finish(processes):
    for process in processes:
        process.wait()
    return [process.exitcode for process in processes]


def test_a_training_with_workers_that_is_killed_at_random_ends_the_same(config, tmp_path):
    workers = ['train_dataloader.num_workers=2', 'val_dataloader.num_workers=1']
    options = ['--cfg-options', *workers]
    (process,) = start(config, tmp_path / 'whole', *options)
    assert finish([process]) == [0], process.read('stderr')[-3000:]
    moments = random.Random(0)
    for _ in range(4):
        (process,) = start(config, tmp_path / 'cut', *options)
        wait_for(process, r'Iter\(train\)')
        time.sleep(moments.uniform(0, 0.4))
        process.send(signal.SIGKILL)
        process.wait()
    assert finish(start(config, tmp_path / 'cut', *options)) == [0]
    assert_equal_training(load_last(tmp_path / 'cut'), load_last(tmp_path / 'whole'))


def test_three_ranks_stop_together_and_go_on_together(config, tmp_path):
    assert finish(start(config, tmp_path / 'whole', ranks=3)) == [0, 0, 0]
    processes = start(config, tmp_path / 'cut', ranks=3)
    wait_for(processes[0], r'Iter\(train\) +\[ *[3-9]/')
    processes[1].send(signal.SIGUSR1)
    assert finish(processes) == [75, 75, 75]
    assert 'interrupted by SIGUSR1: saved' in processes[0].read('stdout')
    assert finish(start(config, tmp_path / 'cut', ranks=3)) == [0, 0, 0]
    assert_equal_training(load_last(tmp_path / 'cut'), load_last(tmp_path / 'whole'))
    # One process takes over from three, and says what differs.
    (process,) = start(
        config, tmp_path / 'cut', '--cfg-options', 'train_cfg.max_iters=25'
    )
    assert finish([process]) == [0]
    assert 'saved by 3 process(es) with 4 images each; this run has 1' in process.read(
        'stdout'
    )


def test_a_rank_that_hangs_ends_the_job_within_the_time_of_the_command_line(
    config, tmp_path
):
    options = ['--cfg-options', 'env_cfg.dist_cfg.timeout=4', 'train_cfg.max_iters=5000']
    processes = start(config, tmp_path / 'run', *options, ranks=2)
    wait_for(processes[0], r'Iter\(train\) +\[ *[3-9]/')
    processes[1].send(signal.SIGSTOP)
    try:
        processes[0].wait(PATIENCE)
        assert processes[0].exitcode not in (0, -signal.SIGKILL)
        assert 'imed out' in processes[0].read('stderr')
    finally:
        processes[1].send(signal.SIGKILL)
        processes[1].wait()


def test_a_second_training_in_the_work_directory_is_refused(config, tmp_path):
    (first,) = start(config, tmp_path / 'run', '--cfg-options', 'model.pause=0.2')
    wait_for(first, r'Iter\(train\)')
    (second,) = start(config, tmp_path / 'run')
    assert finish([second]) == [2]
    host = socket.gethostname()
    assert f'still running (host {host}, process {first.pid})' in second.read('stderr')
    first.send(signal.SIGTERM)
    assert finish([first]) == [75]
    assert not (tmp_path / 'run' / 'run.lock').exists()


def test_a_full_disk_is_reported_in_one_message(config, tmp_path):
    limit = 20_000  # bytes; a checkpoint has more
    statement = f'resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))'
    (tmp_path / 'limit_files.py').write_text(f'import resource\n{statement}\n')
    text = config.read_text().replace('imports=[', "imports=['limit_files', ", 1)
    config.write_text(text)
    (process,) = start(config, tmp_path / 'run')
    assert finish([process]) == [2], process.read('stderr')[-3000:]
    message = process.read('stderr').splitlines()[-1]
    assert message.startswith(
        f'error: cannot write to {tmp_path / "run"}: File too large'
    )
    left = {path.suffix for path in (tmp_path / 'run').iterdir()}
    assert not left & {'.pth', '.writing'}


@pytest.mark.smoke
def test_a_signal_while_the_script_imports_asks_for_another_run(tmp_path):
    # The first module that the script imports; here it says so, and waits.
    (tmp_path / '_checkout.py').write_text(
        "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    )
    script = shutil.copy(TRAIN, tmp_path)
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b'importing\n'
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 75
