"""Support for the launchers of torchrun and Slurm on a machine without an accelerator.

Reason: mmengine calls ``torch.cuda.set_device`` when it starts the process group, passes
device indices to ``DistributedDataParallel`` when it wraps the model, and keeps SyncBN,
which does not run on a CPU. So ``torchrun`` and ``srun`` fail there, and a distributed
run cannot be tried out.

Remove when mmengine's ``init_dist`` and ``Runner.wrap_model`` take the device into
account.
"""

import datetime
import os
import subprocess
from typing import TYPE_CHECKING

import torch.distributed as torch_distributed
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    from mmengine.config import Config

_SLURM_VARIABLES = dict(
    RANK='SLURM_PROCID', LOCAL_RANK='SLURM_LOCALID', WORLD_SIZE='SLURM_NTASKS'
)
_TORCHRUN_VARIABLES = ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')


def prepare_distributed(cfg: 'Config', launcher: str) -> bool:
    """Prepare a distributed run on a CPU; to be called before ``Runner.from_cfg``.

    This has an effect only for the launchers 'pytorch' and 'slurm' without an
    accelerator. There it
    starts a gloo process group, which the runner finds and keeps, and changes ``cfg``:
    the model is wrapped in :class:`DeviceAwareDistributedDataParallel`; if
    ``cfg.model_wrapper_cfg`` names another ``DistributedDataParallel``, that one gets
    ``device_ids=None``. The config stays valid on a machine with GPUs.

    Args:
        cfg (Config): The experiment. ``env_cfg.dist_cfg.timeout`` (in seconds) and
            ``find_unused_parameters`` are used; ``model_wrapper_cfg`` is set.
        launcher (str): As for mmengine's runner.

    Returns:
        bool: Whether the run will be distributed over CPU processes.

    Raises:
        RuntimeError: If the process was not started by ``torchrun``, or ``srun``.
    """
    from mmengine.device import get_device

    if launcher not in ('pytorch', 'slurm') or get_device() != 'cpu':
        return False
    if launcher == 'slurm':
        _adopt_slurm_variables()
    missing = [name for name in _TORCHRUN_VARIABLES if name not in os.environ]
    if missing:
        raise RuntimeError(
            f"launcher='pytorch' requires the environment variables that torchrun sets; "
            f'missing: {", ".join(missing)}. Start the script with `torchrun '
            "--nproc_per_node=PROCESSES SCRIPT ...`, or use launcher='none'."
        )
    if not torch_distributed.is_initialized():
        torch_distributed.init_process_group('gloo', timeout=_get_timeout(cfg))
    _wrap_on_cpu(cfg)
    return True


def _adopt_slurm_variables() -> None:
    """Set what torchrun would set, as mmengine does for this launcher on a GPU."""
    missing = [name for name in _SLURM_VARIABLES.values() if name not in os.environ]
    if missing:
        raise RuntimeError(
            f"launcher='slurm' requires the environment variables that srun sets; "
            f'missing: {", ".join(missing)}. Start the job with tools/slurm_train.sh, or '
            "use launcher='none'."
        )
    for name, source in _SLURM_VARIABLES.items():
        os.environ[name] = os.environ[source]
    os.environ.setdefault('MASTER_PORT', '29500')
    if 'MASTER_ADDR' not in os.environ:
        nodes = os.environ.get('SLURM_NODELIST', '')
        try:
            hosts = subprocess.check_output(['scontrol', 'show', 'hostnames', nodes])
            os.environ['MASTER_ADDR'] = hosts.decode().split()[0]
        except (OSError, subprocess.CalledProcessError, IndexError) as error:
            raise RuntimeError(
                f"launcher='slurm': scontrol does not name the machines of {nodes!r} "
                f'({error}). Set MASTER_ADDR to the first one.'
            ) from error


def _wrap_on_cpu(cfg: 'Config') -> None:
    wrapper = cfg.get('model_wrapper_cfg')
    if wrapper is None:
        # The arguments that the runner itself would pass.
        cfg.model_wrapper_cfg = dict(
            type='DeviceAwareDistributedDataParallel',
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        )
        return
    from mmengine.registry import MODEL_WRAPPERS

    kind = wrapper.get('type', 'MMDistributedDataParallel')
    if isinstance(kind, str):
        kind = MODEL_WRAPPERS.get(kind)
    if kind is not None and issubclass(kind, DistributedDataParallel):
        wrapper.device_ids = None


def _get_timeout(cfg: 'Config') -> datetime.timedelta | None:
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
    return None if seconds is None else datetime.timedelta(seconds=seconds)
