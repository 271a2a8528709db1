"""Options of ``tools/train.py`` for large batches, large models and many processes.

Each changes the config; what it does and what it does not combine with is in
docs/clusters.md.
"""

import argparse
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner

from ...compat.activation_checkpointing import checkpoint_without_reentry
from ...errors import UserError
from .preflight import lacks_accelerator
from .tree import as_list, list_optim_wrappers, type_name

FLOAT16_WRAPPER = 'AmpOptimWrapper'
BFLOAT16_WRAPPER = 'BFloat16OptimWrapper'
SHARDED_MODEL = 'FullyShardedModel'
DATA_PARALLEL = 'DeviceAwareDistributedDataParallel'


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of the command."""
    parser.add_argument(
        '--amp',
        nargs='?',
        const='float16',
        choices=['float16', 'bfloat16'],
        help='automatic mixed precision; without a value, in float16 with loss scaling',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate to the actual batch size, by the config's "
        'auto_scale_lr.base_batch_size',
    )
    parser.add_argument(
        '--accumulate',
        type=int,
        metavar='N',
        help='update the weights once in N steps, by the gradients of all of them',
    )
    parser.add_argument(
        '--checkpoint-activations',
        action='store_true',
        help='compute activations of the backbone twice instead of keeping them: less '
        'memory, more time, the same result',
    )
    parser.add_argument(
        '--fsdp',
        action='store_true',
        help='shard parameters, gradients and optimizer state over the processes',
    )


def apply_training_options(cfg: Config, args: argparse.Namespace) -> None:
    """Apply the options to a config, in place.

    Args:
        cfg (Config): The config, in a process that has joined its job.
        args (argparse.Namespace): Parsed options.

    Raises:
        UserError: If an option and the config, or two options, do not go together.
    """
    set_mixed_precision(cfg, args.amp, args.demo)
    if args.accumulate is not None:
        set_accumulation(cfg, args.accumulate)
    if args.auto_scale_lr:
        set_auto_scale_lr(cfg)
    if args.checkpoint_activations:
        set_activation_checkpointing(cfg)
    if cfg.get('activation_checkpointing'):
        checkpoint_without_reentry()
    if args.fsdp:
        set_sharding(cfg)


def set_mixed_precision(cfg: Config, dtype: str | None, demo: bool) -> None:
    """Turn on automatic mixed precision, in place.

    Args:
        cfg (Config): The config.
        dtype (str, optional): 'float16', 'bfloat16', or None for what the config has.
        demo (bool): Whether to train in float32, where float16 needs an accelerator and
            there is none, instead of leaving the run to fail.

    Raises:
        UserError: If the config has an optimizer wrapper of another kind.
    """
    done = [set_wrapper_precision(one, dtype, demo) for one in list_optim_wrappers(cfg)]
    if not all(done):
        print('--amp: no accelerator here, the demo runs in float32', flush=True)


def set_wrapper_precision(wrapper: Any, dtype: str | None, demo: bool) -> bool:
    """Turn on the mixed precision of one optimizer; False if a demo cannot have it."""
    kind = type_name(wrapper)
    if dtype is None:
        dtype = str(wrapper.get('dtype') or '').removeprefix('torch.')
        if kind != FLOAT16_WRAPPER or dtype != 'bfloat16' or not lacks_accelerator():
            return True
    if kind not in ('OptimWrapper', '', FLOAT16_WRAPPER, BFLOAT16_WRAPPER):
        raise UserError(
            f'--amp works with optim_wrapper.type OptimWrapper; the config has {kind}'
        )
    if dtype == 'bfloat16':
        wrapper.type = f'mmgroupmix.{BFLOAT16_WRAPPER}'
        for key in ('loss_scale', 'dtype', 'use_fsdp'):
            wrapper.pop(key, None)
    elif demo and lacks_accelerator():
        return False
    elif kind != FLOAT16_WRAPPER:
        wrapper.type = FLOAT16_WRAPPER
        wrapper.setdefault('loss_scale', 'dynamic')
    return True


def set_accumulation(cfg: Config, steps: int) -> None:
    """Accumulate the gradients of several steps before each update, in place.

    Args:
        cfg (Config): The config.
        steps (int): Steps for an update, at least 1.

    Raises:
        UserError: If ``steps`` is less than 1, or there are several optimizers.
    """
    if steps < 1:
        raise UserError(f'--accumulate {steps}: expected a number of steps from 1')
    check_one_optimizer(cfg, '--accumulate')
    cfg.optim_wrapper.accumulative_counts = steps
    if steps > 1 and is_main_process():
        print(
            f'--accumulate {steps}: the weights change once in {steps} steps. '
            'Lengths, schedules and intervals of the config count steps.',
            flush=True,
        )


def set_auto_scale_lr(cfg: Config) -> None:
    """Turn on scaling of the learning rate by the batch size, in place."""
    settings = cfg.get('auto_scale_lr')
    if not settings or 'base_batch_size' not in settings:
        raise UserError(
            '--auto-scale-lr needs the batch size that the learning rate was chosen '
            'for; the config names none. Add auto_scale_lr = '
            'dict(base_batch_size=16), with the real number.'
        )
    settings.enable = True


def count_accumulated_steps(runner: Runner) -> None:
    """Let the scaling of the learning rate count accumulated steps, and report it.

    mmengine's runner scales by the batch of one step on all processes. The config keeps
    its ``base_batch_size``; only that of the runner changes.

    Args:
        runner (Runner): A runner that has not started.
    """
    settings = getattr(runner, 'auto_scale_lr', None)
    if not settings or not settings.get('enable'):
        return
    wrapper = runner.cfg.optim_wrapper
    steps = wrapper.get('accumulative_counts', 1)
    base = settings['base_batch_size']
    runner.auto_scale_lr = dict(settings, base_batch_size=base / steps)
    batch, processes = runner.cfg.train_dataloader.batch_size, get_world_size()
    total = batch * processes * steps
    lr = (wrapper.get('optimizer') or {}).get('lr')
    if lr is not None and is_main_process():
        print(
            f'learning rate: {lr:g} x {total} / {base} = {lr * total / base:g} for '
            f'{batch} images x {processes} processes x {steps} steps = {total} images '
            'per update',
            flush=True,
        )


def set_activation_checkpointing(cfg: Config) -> None:
    """Compute the activations of the backbone again in the backward pass, in place.

    Backbones with an argument ``with_cp`` do so block by block; others as a whole, by
    mmengine's ``activation_checkpointing``.

    Args:
        cfg (Config): The config.

    Raises:
        UserError: If the model has no backbone.
    """
    backbone = cfg.model.get('backbone')
    if not isinstance(backbone, Mapping):
        raise UserError(
            f'--checkpoint-activations: the {type_name(cfg.model)} has no backbone. Name '
            'its largest parts in the config: activation_checkpointing = [...]'
        )
    if accepts_with_cp(cfg, backbone):
        cfg.model.backbone.with_cp = True
    else:
        parts = as_list(cfg.get('activation_checkpointing'))
        cfg.activation_checkpointing = [*parts, 'backbone']


def accepts_with_cp(cfg: Config, backbone: Mapping) -> bool:
    """Whether the class of a backbone has an argument ``with_cp``."""
    kind = backbone.get('base') or backbone.get('type')
    if isinstance(kind, str):
        with (
            DefaultScope.overwrite_default_scope(cfg.get('default_scope')),
            MODELS.switch_scope_and_registry(None) as registry,
        ):
            kind = registry.get(kind)
    if not inspect.isclass(kind):
        return False
    # An argument may be passed on by **kwargs, as far as the first class without them.
    for parent in kind.__mro__:
        parameters = inspect.signature(parent).parameters
        if 'with_cp' in parameters:
            return True
        if not any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
            return False
    return False


def set_sharding(cfg: Config) -> None:
    """Shard the model over the processes of the job by FSDP, in place.

    Args:
        cfg (Config): The config, in a process that has joined its job.

    Raises:
        UserError: If there is one process without a job, or something in the config
            cannot be sharded.
    """
    if cfg.get('launcher', 'none') == 'none':
        raise UserError(
            '--fsdp shards a model over the processes of a distributed job. Start one: '
            'tools/dist_train.sh CONFIG GPUS --fsdp, or torchrun with --launcher pytorch.'
        )
    check_one_optimizer(cfg, '--fsdp')
    if type_name(cfg.optim_wrapper) == FLOAT16_WRAPPER:
        raise UserError('--fsdp does not scale losses of float16: use --amp bfloat16')
    if 'runner_type' in cfg:
        raise UserError(f"--fsdp needs mmengine's Runner, not {cfg.runner_type}")
    wrapper = type_name(cfg.get('model_wrapper_cfg'))
    if wrapper not in ('', DATA_PARALLEL, 'MMDistributedDataParallel', SHARDED_MODEL):
        raise UserError(f'--fsdp: the config already wraps the model, by {wrapper}')
    averaged = [name for name in iter_hooks(cfg) if 'EMA' in name or 'Teacher' in name]
    if averaged:
        raise UserError(
            f'--fsdp: {averaged[0]} copies the model, which a sharded one cannot be. '
            'Train without --fsdp, or without this hook.'
        )
    cfg.model_wrapper_cfg = dict(type=f'mmgroupmix.{SHARDED_MODEL}')
    if 'ShardedCheckpointHook' not in iter_hooks(cfg):
        hook = dict(type='mmgroupmix.ShardedCheckpointHook')
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), hook]


def replicate_model(cfg: Config) -> None:
    """Undo :func:`set_sharding` in a config that a sharded training wrote, in place.

    Args:
        cfg (Config): The config of a test.
    """
    if type_name(cfg.get('model_wrapper_cfg')) == SHARDED_MODEL:
        cfg.model_wrapper_cfg = dict(type=DATA_PARALLEL, broadcast_buffers=False)


def check_one_optimizer(cfg: Config, option: str) -> None:
    """Refuse an option for configs with several optimizers.

    Raises:
        UserError: Naming the option.
    """
    if 'optimizer' not in (cfg.get('optim_wrapper') or {}):
        raise UserError(
            f'{option} works with one optimizer: optim_wrapper.optimizer is not there'
        )


def iter_hooks(cfg: Config) -> Iterator[str]:
    """Yield the names of the types of all hooks of a config."""
    hooks = [*(cfg.get('default_hooks') or {}).values(), *(cfg.get('custom_hooks') or [])]
    yield from map(type_name, hooks)
