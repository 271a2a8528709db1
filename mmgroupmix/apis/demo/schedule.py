"""Shortening of a training to minutes, its schedule in the shape of the real one."""

import math
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from ...errors import UserError
from ..config.preflight import lacks_accelerator
from ..config.tree import as_list, leaf_datasets, list_optim_wrappers, type_name
from ..tasks import Task

#: A warm-up keeps at least this share of the run: random weights need it.
MIN_PHASE_SHARE = 1 / 20
NUM_EVALUATIONS = 4
WARM_UPS = ('LinearLR', 'ConstantLR', 'QuadraticWarmupLR')


def planned_length(cfg: Config) -> int | None:
    """The length of a config's training in epochs or iterations, None without one.

    Raises:
        UserError: If ``train_cfg`` names neither ``max_epochs`` nor ``max_iters``.
    """
    train_cfg = cfg.get('train_cfg')
    return train_cfg[_length_key(train_cfg)] if train_cfg else None


def shorten_training(
    cfg: Config, task: Task, planned: int, options: Mapping
) -> dict[str, str]:
    """Shorten a training and let it learn in that time, in place.

    Args:
        cfg (Config): The config, with the data of the demo.
        task (Task): Its task.
        planned (int): Epochs or iterations of the real run, which schedulers refer to.
        options (Mapping): The user's options, which may ask for another length.

    Returns:
        dict[str, str]: The changes, for the user.

    Raises:
        UserError: If there is nothing to train on.
    """
    if not cfg.get('train_dataloader'):
        raise UserError('--demo: the config has a train_cfg and no train_dataloader')
    dataset = cfg.train_dataloader.dataset
    num_images = task.demo.num_images[0] * len(list(leaf_datasets(dataset)))
    epoch_length = max(num_images // cfg.train_dataloader.get('batch_size', 1), 1)
    length, unrepeated = task.demo.iterations, False
    key = _length_key(cfg.train_cfg)
    if key == 'max_epochs':
        unrepeated = _drop_repetition(dataset)
        length = max(round(length / epoch_length), 2)
    length = options.get(f'train_cfg.{key}') or min(length, planned)
    change = shorten(cfg, planned, length, epoch_length)
    return {
        'schedule': change + ', a repeated dataset used once' * unrepeated,
        'optimizer': rescale_learning_rate(cfg, task),
        'precision': _use_full_precision(cfg),
    }


def shorten(cfg: Config, planned: int, length: int, epoch_length: int) -> str:
    """Shorten the training loop, its schedulers and intervals in place.

    Args:
        cfg (Config): The config.
        planned (int): Epochs or iterations of the real run, which schedulers refer to.
        length (int): Epochs or iterations of the demo.
        epoch_length (int): Iterations of one epoch of the demo.

    Returns:
        str: The change, for the user.
    """
    key = _length_key(cfg.train_cfg)
    by_epoch = key == 'max_epochs'
    cfg.train_cfg[key] = length
    cfg.train_cfg['val_interval'] = math.ceil(length / NUM_EVALUATIONS)
    for key in ('val_begin', 'dynamic_intervals'):
        cfg.train_cfg.pop(key, None)

    total = length * epoch_length if by_epoch else length
    schedulers = cfg.get('param_scheduler')
    groups = (
        schedulers.values()
        if isinstance(schedulers, dict) and 'type' not in schedulers
        else [schedulers]
    )
    for group in groups:
        for scheduler in as_list(group):
            if by_epoch and not scheduler.get('by_epoch', True):
                _rescale_iterations(scheduler, total)
            else:
                _rescale(scheduler, planned, length)

    hooks = cfg.setdefault('default_hooks', {})
    checkpoint = hooks.setdefault('checkpoint', dict(type='CheckpointHook'))
    if checkpoint:  # None disables it
        # One file, at the end: files of large models take seconds and gigabytes.
        checkpoint.update(interval=length, by_epoch=by_epoch)
    averaged = _shorten_average(cfg, total)
    unit = 'epochs' if by_epoch else 'iterations'
    return (
        f'{planned} {unit} -> {length}, the learning rate schedule scaled in proportion'
        f'{averaged}'
    )


def rescale_learning_rate(cfg: Config, task: Task) -> str:
    """Set learning rates for a short run from random weights, in place.

    Args:
        cfg (Config): The config.
        task (Task): Its task.

    Returns:
        str: The changes, for the user, or ''.
    """
    demo = task.demo
    changes = []
    wrapper = cfg.optim_wrapper
    wrappers = [wrapper] if 'optimizer' in wrapper else wrapper.values()
    for one in wrappers:
        if not isinstance(one, dict):
            continue
        if one.pop('accumulative_counts', 1) > 1:
            changes.append('gradients no longer accumulated')
        optimizer = one.get('optimizer') or {}
        if not isinstance(optimizer.get('lr'), (int, float)):
            continue
        old = optimizer['lr']
        if 'SGD' in type_name(optimizer):
            optimizer['lr'] = old * demo.sgd_lr_factor
        else:
            optimizer['lr'] = max(old, demo.min_adaptive_lr)
            raised = optimizer['lr'] > old
            if raised and demo.max_grad_norm and not one.get('clip_grad'):
                one['clip_grad'] = dict(max_norm=demo.max_grad_norm)
                changes.append(f'gradients clipped at {demo.max_grad_norm:g}')
        if optimizer['lr'] != old:
            changes.append(f'learning rate {old:g} -> {optimizer["lr"]:g}')
    return ', '.join(changes)


def _length_key(train_cfg: Mapping) -> str:
    for key in ('max_epochs', 'max_iters'):
        if key in train_cfg:
            return key
    raise UserError(
        'train_cfg names neither max_epochs nor max_iters, so --demo cannot shorten '
        f'it: {dict(train_cfg)}'
    )


def _rescale(scheduler: dict, planned: int, length: int) -> None:
    """Scale everything that counts steps; phases that meet still meet."""
    ratio = length / planned
    shortest = max(int(length * MIN_PHASE_SHARE), 1)

    def scale(step: float) -> float:
        if step <= 0:
            return step
        if step >= planned:
            return max(round(step * ratio), length)
        return min(max(round(step * ratio), shortest), length)

    duration = scheduler.get('end', 0) - scheduler.get('begin', 0)
    fills_phase = scheduler.get('T_max') == duration
    for key in ('begin', 'end'):
        if isinstance(scheduler.get(key), (int, float)):
            scheduler[key] = scale(scheduler[key])
    if scheduler.get('begin'):
        # A phase without an end lasts until the end of the run: it must begin earlier.
        scheduler['begin'] = min(scheduler['begin'], length - 1)
    for key in ('T_max', 'step_size', 'total_iters', 'total_steps'):
        if isinstance(scheduler.get(key), (int, float)):
            scheduler[key] = max(round(scheduler[key] * ratio), 1)
    if scheduler.get('milestones'):
        scheduler['milestones'] = [
            max(round(step * ratio), 1) for step in scheduler['milestones']
        ]
    _keep_phase_open(scheduler)
    if fills_phase:
        scheduler['T_max'] = scheduler['end'] - scheduler.get('begin', 0)


def _rescale_iterations(scheduler: dict, total: int) -> None:
    """Scale iterations in a run of epochs: a warm-up, or a phase until the end."""
    if isinstance(scheduler.get('end'), (int, float)):
        warm_up = type_name(scheduler) in WARM_UPS and not scheduler.get('begin')
        scheduler['end'] = (
            min(scheduler['end'], max(total // 10, 1)) if warm_up else total
        )
    if scheduler.get('begin'):
        scheduler['begin'] = min(scheduler['begin'], max(total // 10, 1))
    if isinstance(scheduler.get('T_max'), (int, float)):
        scheduler['T_max'] = min(scheduler['T_max'], total)
    _keep_phase_open(scheduler)


def _shorten_average(cfg: Config, total: int) -> str:
    """Let a moving average of the weights extend over a tenth of the run, in place.

    The average of a real run would still be close to the initial weights.
    """
    hooks = [*cfg.default_hooks.values(), *(cfg.get('custom_hooks') or [])]
    momentum, change = 1 / max(total // 10, 1), ''
    for hook in hooks:
        # The other types of average adapt to the length.
        kind = (hook or {}).get('ema_type', 'ExponentialMovingAverage')
        if type_name(hook) == 'EMAHook' and kind == 'ExponentialMovingAverage':
            hook['momentum'] = max(hook.get('momentum', 0), momentum)
            change = f', moving average over {1 / hook["momentum"]:.0f} iterations'
    return change


def _keep_phase_open(scheduler: dict) -> None:
    """Give a phase at least one step: mmengine refuses one without."""
    begin, end = scheduler.get('begin', 0), scheduler.get('end')
    if isinstance(end, (int, float)) and end <= begin:
        scheduler['end'] = begin + 1


def _drop_repetition(dataset: Any) -> bool:
    """Use a repeated dataset once, in place: repetition only stretches the epoch."""
    repeated = False
    while isinstance(dataset, dict):
        if dataset.get('times', 1) > 1:
            dataset['times'], repeated = 1, True
        dataset = dataset.get('dataset')
    return repeated


def _use_full_precision(cfg: Config) -> str:
    """Replace mixed precision where no device supports it, in place."""
    change = ''
    for wrapper in list_optim_wrappers(cfg):
        if type_name(wrapper) == 'AmpOptimWrapper' and lacks_accelerator():
            wrapper['type'] = 'OptimWrapper'
            for key in ('loss_scale', 'dtype', 'use_fsdp'):
                wrapper.pop(key, None)
            change = 'mixed -> float32, as no accelerator is available'
    return change
