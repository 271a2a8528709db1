"""torchrun without an accelerator: two processes train one model."""

import os
from datetime import timedelta
from pathlib import Path

import mmengine.device
import pytest
import torch
from mmengine.config import Config

from mmgroupmix.compat import prepare_distributed
from mmgroupmix.compat.data_parallel import DeviceAwareDistributedDataParallel

SCRIPT = Path(__file__).with_name('train_two_processes.py')
LEARNING_RATE = 0.01
SAMPLES = [[float(i), 1.0, -i * i] for i in range(4)]

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason='this torch is not distributed'
)


@pytest.fixture
def on_cpu(monkeypatch):
    monkeypatch.setattr(mmengine.device, 'get_device', lambda: 'cpu')


def train_two_processes(run_python, work_dir, norm):
    run_python(
        [
            '-m',
            'torch.distributed.run',
            '--standalone',
            '--nproc_per_node=2',
            str(SCRIPT),
            str(work_dir),
            norm,
            str(LEARNING_RATE),
        ],
        CUDA_VISIBLE_DEVICES='-1',
        GLOO_SOCKET_IFNAME='lo',
    )
    return [
        torch.load(work_dir / f'rank_{rank}.pth', weights_only=True) for rank in range(2)
    ]


def test_two_processes_step_by_their_average_gradient(run_python, tmp_path):
    first, second = train_two_processes(run_python, tmp_path, 'plain')
    assert first['world_size'] == second['world_size'] == 2
    torch.testing.assert_close(first['weight'], second['weight'], rtol=0, atol=0)

    # A step by the average gradient of the halves is one step on all four samples.
    weight = torch.ones(2, 3, requires_grad=True)
    x = torch.tensor(SAMPLES)
    (x @ weight.T).square().mean().backward()
    expected = weight.detach() - LEARNING_RATE * weight.grad
    torch.testing.assert_close(first['weight'], expected)
    # Validation gathered the samples of both processes.
    assert (first['seen'], first['total']) == (4, 6)

    # In evaluation, processes may compute sharded parts different numbers of times: 3
    # ones by 3 x 3 weights of 0.5.
    for rank, factor in (first, 1.5), (second, 1.5**2):
        torch.testing.assert_close(rank['sharded']['outputs'], torch.full((1, 3), factor))
        torch.testing.assert_close(rank['sharded']['gradient'], torch.ones(3, 3))


def test_sync_batch_norm_has_the_statistics_of_all_processes(run_python, tmp_path):
    first, second = train_two_processes(run_python, tmp_path, 'norm')
    assert first['wrapper'] == 'DeviceAwareDistributedDataParallel'
    torch.testing.assert_close(first['weight'], second['weight'], rtol=0, atol=0)
    y = torch.tensor(SAMPLES) @ torch.ones(3, 2)  # the first weights
    norm = torch.nn.BatchNorm1d(2)
    norm(y)
    for rank in first, second:
        for key in 'running_mean', 'running_var', 'num_batches_tracked':
            torch.testing.assert_close(rank['norm'][key], norm.state_dict()[key])

    # Three samples in one process and one in the other.
    parts = [first['unequal'], second['unequal']]
    x = torch.tensor(SAMPLES, requires_grad=True)
    norm = torch.nn.BatchNorm1d(3)
    y = norm(x)
    (y * x.detach().cos()).sum().backward()
    for key, expected in dict(y=y.detach(), gradient=x.grad).items():
        torch.testing.assert_close(torch.cat([part[key] for part in parts]), expected)
    torch.testing.assert_close(parts[1]['norm'], dict(norm.state_dict()))


@pytest.mark.smoke
@pytest.mark.parametrize('launcher', ['none', 'mpi'])
def test_other_launchers_change_nothing(launcher, on_cpu):
    cfg = Config(dict(model={}))
    assert not prepare_distributed(cfg, launcher)
    assert cfg.to_dict() == dict(model={})
    assert not torch.distributed.is_initialized()


def test_a_machine_with_an_accelerator_changes_nothing(monkeypatch):
    monkeypatch.setattr(mmengine.device, 'get_device', lambda: 'cuda')
    cfg = Config(dict(model={}))
    assert not prepare_distributed(cfg, 'pytorch')
    assert cfg.to_dict() == dict(model={})


@pytest.mark.smoke
def test_without_torchrun_the_error_says_how_to_start(on_cpu, monkeypatch):
    monkeypatch.setenv('RANK', '0')
    monkeypatch.delenv('MASTER_ADDR', raising=False)
    with pytest.raises(RuntimeError, match='MASTER_ADDR.*torchrun --nproc_per_node'):
        prepare_distributed(Config({}), 'pytorch')


@pytest.mark.smoke
def test_without_srun_the_error_says_how_to_start(on_cpu, monkeypatch):
    monkeypatch.delenv('SLURM_PROCID', raising=False)
    with pytest.raises(RuntimeError, match='SLURM_PROCID.*tools/slurm_train.sh'):
        prepare_distributed(Config({}), 'slurm')


@pytest.mark.smoke
def test_slurm_names_the_first_machine_of_the_job(on_cpu, monkeypatch, tmp_path):
    slurm = dict(SLURM_PROCID='3', SLURM_LOCALID='1', SLURM_NTASKS='4')
    for name, value in (slurm | dict(SLURM_NODELIST='n[1-2]')).items():
        monkeypatch.setenv(name, value)
    # Registered for restoring, since the function sets them.
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '')
        monkeypatch.delenv(name)
    monkeypatch.setattr(torch.distributed, 'init_process_group', lambda *_, **__: None)
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(RuntimeError, match='Set MASTER_ADDR'):
        prepare_distributed(Config({}), 'slurm')

    scontrol = tmp_path / 'scontrol'
    scontrol.write_text('#!/bin/sh\necho n1\necho n2\n')
    scontrol.chmod(0o755)
    assert prepare_distributed(Config({}), 'slurm')
    found = {name: os.environ[name] for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE')}
    assert found == dict(RANK='3', LOCAL_RANK='1', WORLD_SIZE='4')
    assert os.environ['MASTER_ADDR'] == 'n1'


@pytest.fixture
def single_process_group(monkeypatch, on_cpu):
    variables = dict(
        RANK='0',
        LOCAL_RANK='0',
        WORLD_SIZE='1',
        MASTER_ADDR='localhost',
        MASTER_PORT='0',
        GLOO_SOCKET_IFNAME='lo',
    )
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group('gloo', store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_a_data_parallel_wrapper_of_the_config_is_kept(single_process_group):
    cfg = Config(
        dict(model_wrapper_cfg=dict(type='MMDistributedDataParallel', static_graph=True))
    )
    assert prepare_distributed(cfg, 'pytorch')
    assert cfg.model_wrapper_cfg.to_dict() == dict(
        type='MMDistributedDataParallel', static_graph=True, device_ids=None
    )


def test_a_wrapper_without_device_ids_gets_none(single_process_group):
    wrapper = dict(type='MMFullyShardedDataParallel')
    cfg = Config(dict(model_wrapper_cfg=wrapper))
    prepare_distributed(cfg, 'pytorch')
    assert 'device_ids' not in cfg.model_wrapper_cfg


def test_unused_parameters_are_found_if_the_config_says_so(single_process_group):
    cfg = Config(dict(find_unused_parameters=True))
    prepare_distributed(cfg, 'pytorch')
    assert cfg.model_wrapper_cfg.find_unused_parameters


def test_the_timeout_of_the_config_is_in_seconds(on_cpu, monkeypatch):
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '0')
    calls = []
    monkeypatch.setattr(
        torch.distributed,
        'init_process_group',
        lambda backend, timeout: calls.append((backend, timeout)),
    )
    prepare_distributed(Config(dict(env_cfg=dict(dist_cfg=dict(timeout=90)))), 'pytorch')
    prepare_distributed(Config({}), 'pytorch')
    assert calls == [('gloo', timedelta(seconds=90)), ('gloo', None)]


@pytest.mark.gpu
@pytest.mark.skipif(mmengine.device.get_device() != 'cuda', reason='needs a GPU')
def test_on_a_gpu_the_wrapper_keeps_devices_and_sync_batch_norm(single_process_group):
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.SyncBatchNorm(2))
    wrapped = DeviceAwareDistributedDataParallel(module.cuda(), device_ids=[0])
    assert wrapped.device_ids == [0]
    assert isinstance(wrapped.module[1], torch.nn.SyncBatchNorm)
