"""The scripts for torchrun and Slurm, with a command in place of ``train.py``.

Slurm's own commands are replaced by ones that do what the scripts rely on: ``sbatch``
runs a copy of the script in a job, ``srun`` starts one process per task and returns the
largest status, ``scontrol`` notes what it is asked for.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[1] / 'tools'
SCRIPTS = sorted(TOOLS.glob('*.sh'))

#: Writes its arguments and the job's variables; on a signal, "saves" and ends with 75.
COMMAND = """
import os, pathlib, signal, sys, time

rank = os.environ.get('SLURM_PROCID') or os.environ.get('RANK')
names = ('SLURM_NTASKS', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
variables = [f'{name}={os.environ.get(name)}' for name in names]
got = []
for name in 'SIGTERM', 'SIGUSR1', 'SIGHUP':
    signal.signal(getattr(signal, name), lambda number, _: got.append(number))
folder = pathlib.Path(os.environ['NOTES'])
(folder / f'pid_{rank}').write_text(str(os.getpid()))
(folder / f'started_{rank}').write_text('\\n'.join([*sys.argv[1:], *variables]))
end = time.monotonic() + 60
while '--wait' in sys.argv and not got and time.monotonic() < end:
    time.sleep(0.02)
time.sleep(0.3 if got else 0)  # long enough for a second signal
(folder / f'signals_{rank}').write_text(' '.join(map(str, got)))
sys.exit(75 if got else int(os.environ.get('STATUS', 0)))
"""

SBATCH = """#!/usr/bin/env bash
printf '%s\\n' "$@" > "$NOTES/sbatch"
while [[ $1 == --* ]]; do shift; done
cp "$1" "$NOTES/spooled"   # where Slurm runs it from
shift
SLURM_JOB_ID=4711 SLURM_JOB_NODELIST='n[1-2]' exec bash "$NOTES/spooled" "$@"
"""

SRUN = """#!/usr/bin/env bash
printf '%s\\n' "$@" > "$NOTES/srun"
while [[ $1 == --* ]]; do
    [[ $1 == --ntasks=* ]] && tasks=${1#*=}
    shift
done
for (( i = 0; i < tasks; i++ )); do
    SLURM_PROCID=$i SLURM_LOCALID=$i SLURM_NTASKS=$tasks "$@" &
    pids+=($!)
done
largest=0
for pid in "${pids[@]}"; do
    status=0
    wait "$pid" || status=$?
    (( status > largest )) && largest=$status
done
exit "$largest"
"""

SCONTROL = """#!/usr/bin/env bash
echo "$@" >> "$NOTES/scontrol"
[[ $1 == show ]] && printf 'n1\\nn2\\n'
exit 0
"""


@pytest.fixture
def cluster(tmp_path):
    """A folder with the scripts, the commands that they call, and notes of the calls."""
    for name in 'tools', 'bin', 'notes':
        (tmp_path / name).mkdir()
    for path in SCRIPTS:
        shutil.copy(path, tmp_path / 'tools')
    for name in 'train.py', 'test.py':
        (tmp_path / 'tools' / name).write_text(COMMAND)
    for name, text in dict(sbatch=SBATCH, srun=SRUN, scontrol=SCONTROL).items():
        (tmp_path / 'bin' / name).write_text(text)
        (tmp_path / 'bin' / name).chmod(0o755)
    return tmp_path


def start(cluster, script, *arguments, **variables):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('SLURM', 'MASTER', 'PET', 'NNODES', 'NODE_RANK', 'PORT'))
    }
    return subprocess.Popen(
        ['bash', str(cluster / 'tools' / script), *arguments],
        cwd=cluster,
        env=environment
        | dict(
            PATH=f'{cluster / "bin"}:{os.environ["PATH"]}',
            NOTES=str(cluster / 'notes'),
            PYTHON=sys.executable,
        )
        | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(cluster, script, *arguments, **variables):
    process = start(cluster, script, *arguments, **variables)
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def read_note(cluster, name):
    return (cluster / 'notes' / name).read_text().splitlines()


def wait_for(cluster, *names):
    end = time.monotonic() + 60
    while not all((cluster / 'notes' / name).exists() for name in names):
        assert time.monotonic() < end, f'{names} not written'
        time.sleep(0.05)
    time.sleep(0.1)


@pytest.mark.smoke
@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_valid_and_started_as_a_command(script):
    subprocess.run(['bash', '-n', str(script)], check=True)
    is_command = not script.name.startswith('_')
    assert os.access(script, os.X_OK) == is_command
    assert script.read_text().startswith('#!/usr/bin/env bash') == is_command


@pytest.mark.smoke
@pytest.mark.parametrize(
    'script, arguments',
    [
        ('dist_train.sh', ['config.py']),
        ('dist_train.sh', ['config.py', '--amp']),
        ('dist_train.sh', ['config.py', '0']),
        ('dist_test.sh', ['config.py', 'model.pth']),
        ('slurm_train.sh', ['gpu', 'job']),
        ('slurm_test.sh', ['gpu', 'job', 'config.py']),
    ],
)
def test_wrong_arguments_show_the_usage(script, arguments, cluster):
    status, output = run(cluster, script, *arguments)
    assert status == 2
    assert 'usage: ' in output and f'tools/{script} ' in output


def test_one_machine_gets_a_free_port_and_signals_reach_the_processes(cluster):
    arguments = ['config.py', '2', '--work-dir', 'a b', '--wait']
    process = start(cluster, 'dist_train.sh', *arguments)
    wait_for(cluster, 'started_0', 'started_1')
    process.send_signal(signal.SIGUSR1)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0, output
    ports = set()
    for rank in 0, 1:
        *given, _, size, local, _, port = read_note(cluster, f'started_{rank}')
        expected = ['config.py', '--launcher', 'pytorch', '--work-dir', 'a b', '--wait']
        assert given == expected
        assert (size, local) == ('WORLD_SIZE=2', f'LOCAL_RANK={rank}')
        assert read_note(cluster, f'signals_{rank}') == [str(int(signal.SIGUSR1))]
        ports.add(port)
    assert len(ports) == 1 and ports != {'MASTER_PORT=29500'}


@pytest.mark.smoke
def test_several_machines_meet_at_the_given_address(cluster):
    (cluster / 'bin' / 'torchrun').write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (cluster / 'bin' / 'torchrun').chmod(0o755)
    machines = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='n1', PORT='1234')
    settings = dict(machines, PYTHON='torchrun')
    arguments = ['c.py', 'm.pth', '4', '--tta']
    _, output = run(cluster, 'dist_test.sh', *arguments, **settings)
    expected = (
        '-m torch.distributed.run --nnodes=2 --node_rank=1 --master_addr=n1 '
        '--master_port=1234 --nproc_per_node=4 {}/tools/test.py c.py m.pth '
        '--launcher pytorch --tta'
    )
    assert ' '.join(output.split()) == expected.format(cluster)
    del settings['MASTER_ADDR']
    status, output = run(cluster, 'dist_test.sh', *arguments, **settings)
    assert status == 2 and 'set NODE_RANK (0 to 1) and MASTER_ADDR' in output


@pytest.mark.smoke
def test_a_slurm_job_submits_itself_and_starts_one_process_per_gpu(cluster):
    status, output = run(
        cluster,
        'slurm_train.sh',
        'gpu',
        'my job',
        'config.py',
        '--amp',
        GPUS='3',
        GPUS_PER_NODE='2',
        SBATCH_ARGS='--time=1:00:00 --account=vision',
    )
    assert status == 0, output
    submitted = read_note(cluster, 'sbatch')
    for option in (
        '--partition=gpu',
        '--job-name=my job',
        '--nodes=2',
        '--ntasks=3',
        '--gres=gpu:2',
        '--time=1:00:00',
        '--account=vision',
    ):
        assert option in submitted
    for rank in range(3):
        *given, tasks, _, _, address, port = read_note(cluster, f'started_{rank}')
        assert given == ['config.py', '--resume', '--launcher', 'slurm', '--amp']
        assert (tasks, address) == ('SLURM_NTASKS=3', 'MASTER_ADDR=n1')
        assert port == f'MASTER_PORT={12000 + 4711}'
    assert read_note(cluster, 'scontrol') == ['show hostnames n[1-2]']


@pytest.mark.smoke
def test_a_signal_before_the_limit_queues_the_job_again(cluster):
    text = (TOOLS / 'slurm_train.sh').read_text()
    for directive in '--signal=USR1@180', '--requeue', '--open-mode=append':
        assert f'\n#SBATCH {directive}\n' in text
    arguments = ['gpu', 'job', 'config.py', '--wait']
    process = start(cluster, 'slurm_train.sh', *arguments, GPUS='2')
    wait_for(cluster, 'started_0', 'started_1')
    # Slurm signals the processes of the step; at pre-emption this shell as well.
    for rank in 0, 1:
        (pid,) = read_note(cluster, f'pid_{rank}')
        os.kill(int(pid), signal.SIGUSR1)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 75, output
    assert read_note(cluster, 'scontrol')[-1] == 'requeue 4711'
    for rank in 0, 1:  # exactly one signal each
        assert read_note(cluster, f'signals_{rank}') == [str(int(signal.SIGUSR1))]


@pytest.mark.smoke
@pytest.mark.parametrize('status', ['0', '1', '2'])
def test_a_job_that_ends_or_fails_is_not_queued_again(status, cluster):
    arguments = ['gpu', 'job', 'config.py']
    returned, _ = run(cluster, 'slurm_train.sh', *arguments, GPUS='1', STATUS=status)
    assert returned == int(status)
    assert not any('requeue' in line for line in read_note(cluster, 'scontrol'))


@pytest.mark.smoke
def test_a_test_in_a_slurm_job_gets_its_checkpoint(cluster):
    status, output = run(
        cluster, 'slurm_test.sh', 'gpu', 'job', 'c.py', 'm.pth', '--tta', GPUS='2'
    )
    assert status == 0, output
    given = read_note(cluster, 'started_1')[:5]
    assert given == ['c.py', 'm.pth', '--launcher', 'slurm', '--tta']
