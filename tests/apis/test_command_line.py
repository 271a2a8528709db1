"""Commands as processes: what a user sees when one ends early."""

import os
import signal
import time

import pytest
from torch.utils.data import DataLoader

from mmgroupmix.apis.command_line import run_command
from mmgroupmix.errors import UserError

from ..tool_processes import start_function

# As in a runner: nothing releases the loader before the process ends.
KEPT = []


class FaultyData:
    """Four samples, of which the first cannot be read."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise UserError('0.png: not an image')


def _fail_while_workers_start(sender, stderr):
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT), 2)
    main = os.getpid()
    forks = []
    os.register_at_fork(before=lambda: forks.append(os.getpid()))
    # All workers but the first take a while before torch's code runs in them.
    os.register_at_fork(
        after_in_child=lambda: time.sleep(1) if forks.count(main) > 1 else None
    )

    def command():
        loader = DataLoader(FaultyData(), num_workers=4, multiprocessing_context='fork')
        KEPT.append(iter(loader))
        next(KEPT[0])

    raise SystemExit(run_command(command))


@pytest.mark.skipif(not hasattr(signal, 'SIGCHLD'), reason='processes are not forked')
def test_an_error_ends_workers_that_are_still_starting(tmp_path):
    process, _ = start_function(_fail_while_workers_start, tmp_path / 'stderr')
    process.join(100)
    stderr = (tmp_path / 'stderr').read_text()
    assert 'error: 0.png: not an image' in stderr
    assert 'Traceback' not in stderr
    assert process.exitcode == 2
