"""Several ranks of one job, each a fork of the server that has the imports done."""

import os
import socket
import subprocess

from ...tool_processes import _run, _server


def train_on_ranks(arguments, cwd, num_ranks, timeout=300):
    """Run ``tools/train.py`` as torchrun would start it.

    Args:
        arguments (Sequence[str]): Its arguments.
        cwd (Path): The folder to run it in; outputs go to files beside it.
        num_ranks (int): Number of processes.
        timeout (float): Seconds after which they are killed.

    Returns:
        list[subprocess.CompletedProcess]: One per rank.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    outputs, processes = [], []
    for rank in range(num_ranks):
        name = f'{cwd.name}_rank_{rank}'
        outputs.append([cwd.parent / f'{name}_{one}' for one in ('out', 'err')])
        variables = dict(
            RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=num_ranks, LOCAL_WORLD_SIZE=num_ranks,
            MASTER_ADDR='127.0.0.1', MASTER_PORT=port,
        )  # fmt: skip
        process = _server().Process(
            target=_run_rank, args=(variables, arguments, cwd, outputs[-1])
        )
        process.start()
        processes.append(process)
    results = []
    for process, (out, err) in zip(processes, outputs):
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
        results.append(
            subprocess.CompletedProcess(
                arguments, process.exitcode, out.read_text(), err.read_text()
            )
        )
    return results


def _run_rank(variables, arguments, cwd, outputs):
    os.environ.update({name: str(value) for name, value in variables.items()})
    _run('train', arguments, cwd, outputs)
