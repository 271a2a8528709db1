"""Commands in forked processes that start with all imports done.

A fresh interpreter spends several seconds of processor time on importing the toolboxes.
Here one server process imports them once, and each command runs in a fork of it: still in
a process of its own, in a folder of its own, with its own output and exit status. Tests
about the scripts themselves start them as a user does (``run_script`` of ``commands``).
"""

import functools
import gc
import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

PRELOADED = [
    'matplotlib.pyplot',
    'mmgroupmix.apis.train',
    'mmgroupmix.apis.test',
    'mmgroupmix.apis.infer',
    'mmgroupmix.apis.draw_attention',
    'mmgroupmix.apis.draw_responses',
    'scipy.ndimage',
    'sklearn.datasets',
    *(
        f'{toolbox}.{part}'
        for toolbox in ('mmseg', 'mmdet', 'mmpretrain')
        for part in ('apis', 'datasets', 'evaluation', 'models', 'visualization')
    ),
]


@functools.cache
def _server():
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOADED)
    return context


def run_command(command, arguments, cwd, timeout=500, ranks=1):
    """Run a command of ``mmgroupmix.apis`` in a forked process, or in several as one job.

    Args:
        command (str | Path): 'train', 'test', 'infer', 'draw_attention' or
            'draw_responses'; or a script, such as a toolbox's own.
        arguments (Sequence[object]): Its arguments, converted to str.
        cwd (Path): The folder to run it in.
        timeout (float): Seconds after which it is killed.
        ranks (int): Processes, with the environment that torchrun would give them.
            Defaults to 1: a process on its own.

    Returns:
        subprocess.CompletedProcess: With ``returncode``, of the first process that did
        not return 0, and ``stdout`` and ``stderr`` of all of them.
    """
    processes = start_command(command, arguments, cwd, ranks)
    for process in processes:
        process.wait(timeout)
    codes = [process.exitcode for process in processes]
    stdout, stderr = (
        ''.join(process.read(name) for process in processes)
        for name in ('stdout', 'stderr')
    )
    return subprocess.CompletedProcess(
        [command, *map(str, arguments)], next(filter(None, codes), 0), stdout, stderr
    )


def start_command(command, arguments, cwd, ranks=1):
    """Start a command of ``mmgroupmix.apis`` in forked processes.

    Args:
        command, arguments, cwd, ranks: As for :func:`run_command`.

    Returns:
        list[RunningCommand]: The processes, by rank.
    """
    arguments = [str(argument) for argument in arguments]
    return [
        RunningCommand(command, arguments, cwd, variables)
        for variables in _environments(ranks)
    ]


def start_function(function, *arguments):
    """Start a function of a module in a forked process.

    Args:
        function (Callable): Its first argument is the end of a pipe to send to.
        arguments: Its other arguments.

    Returns:
        tuple[Process, Connection]: The process, and the end of the pipe to receive from.
    """
    receiver, sender = _server().Pipe(duplex=False)
    process = _server().Process(target=function, args=(sender, *arguments))
    process.start()
    sender.close()
    return process, receiver


class RunningCommand:
    """A command that is running."""

    def __init__(self, command, arguments, cwd, variables):
        self._folder = tempfile.TemporaryDirectory()
        self._outputs = {
            name: Path(self._folder.name) / name for name in ('stdout', 'stderr')
        }
        parts = (command, arguments, cwd, list(self._outputs.values()), variables)
        self._process = _server().Process(target=_run, args=parts)
        self._process.start()

    @property
    def pid(self):
        return self._process.pid

    @property
    def exitcode(self):
        return self._process.exitcode

    def wait(self, timeout=500):
        """Wait for its end; after ``timeout`` seconds, kill it."""
        self._process.join(timeout)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def send(self, number):
        """Send it a signal."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    def read(self, name):
        """What it has written so far to 'stdout' or 'stderr'."""
        path = self._outputs[name]
        return path.read_text(errors='replace') if path.exists() else ''


def _environments(ranks):
    """What torchrun sets for each process of a job on this machine."""
    if ranks == 1:
        return [{}]
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    return [
        dict(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(ranks),
            MASTER_ADDR='127.0.0.1',
            MASTER_PORT=str(port),
            GLOO_SOCKET_IFNAME='lo',
        )
        for rank in range(ranks)
    ]


def _run(command, arguments, cwd, outputs, variables=None):
    for descriptor, path in zip((1, 2), outputs):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.chdir(cwd)
    os.environ.update(variables or {})
    # Garbage collections need not visit everything that the server has imported.
    gc.freeze()
    import torch
    from yapf.yapflib import yapf_api

    torch.set_num_threads(1)
    # Formatting a printed config takes a second and has tests of its own.
    yapf_api.FormatCode = _keep_format
    if isinstance(command, Path):
        sys.argv = [str(command), *arguments]
        sys.path.insert(0, str(command.parent))
        runpy.run_path(str(command), run_name='__main__')
        return
    sys.argv = [f'{command}.py', *arguments]
    sys.exit(import_module(f'mmgroupmix.apis.{command}').main(arguments))


def _keep_format(text, **_):
    return text, False
