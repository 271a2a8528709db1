"""A schedule of minutes with the shape of the real one."""

import math

from ...errors import UserError
from ..config.tree import as_list, type_name

# Of the planned run, what a warm-up keeps at least: from scratch it is needed.
SHORTEST_PHASE = 1 / 20
EVALUATIONS = 4
WARM_UPS = ('LinearLR', 'ConstantLR', 'QuadraticWarmupLR')

# Fine-tuning rates barely move a model that starts from scratch and has a hundred steps:
# adaptive optimizers (Adam and its kin) get at least this one. Multipliers of parts stay.
LOWEST_ADAPTIVE_LR = dict(seg=1e-3, det=5e-4, cls=5e-4)
# At that rate a dense head without norms (RetinaNet's) ends up predicting background
# alone, unless the norm of the gradients is limited.
LARGEST_GRADIENT = dict(det=1.0)
# SGD's rates follow the batch size, which shrinks.
SGD_LR_FACTOR = dict(seg=1, det=0.25, cls=0.5)


def is_epoch_based(train_cfg):
    """bool: Whether a training loop counts epochs.

    Raises:
        UserError: If the config names neither ``max_epochs`` nor ``max_iters``.
    """
    if 'max_epochs' in train_cfg:
        return True
    if 'max_iters' in train_cfg:
        return False
    raise UserError(
        'train_cfg names neither max_epochs nor max_iters, so --demo cannot shorten '
        f'it: {dict(train_cfg)}'
    )


def shorten(cfg, planned, length, epoch_length):
    """Shorten the training loop, its schedulers and intervals in place.

    Args:
        cfg (Config): The config.
        planned (int): Epochs or iterations of the real run: what schedulers refer to.
        length (int): Epochs or iterations of the demo.
        epoch_length (int): Iterations of one epoch of the demo.

    Returns:
        str: What was changed, for a person.
    """
    by_epoch = is_epoch_based(cfg.train_cfg)
    cfg.train_cfg['max_epochs' if by_epoch else 'max_iters'] = length
    cfg.train_cfg['val_interval'] = math.ceil(length / EVALUATIONS)
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
    if checkpoint:  # None switches it off
        # One file, at the end: those of large models take seconds and gigabytes.
        checkpoint.update(interval=length, by_epoch=by_epoch)
    unit = 'epochs' if by_epoch else 'iterations'
    return f'{planned} {unit} -> {length}, the learning-rate schedule scaled along'


def rescale_learning_rate(cfg, task):
    """Give the optimizers rates for a short run from scratch.

    Args:
        cfg (Config): The config, changed in place.
        task (str): 'seg', 'det' or 'cls'.

    Returns:
        str: What was changed, '' if nothing.
    """
    changes = []
    wrapper = cfg.optim_wrapper
    wrappers = (
        [wrapper]
        if 'optimizer' in wrapper
        else [child for child in wrapper.values() if isinstance(child, dict)]
    )
    for one in wrappers:
        if one.pop('accumulative_counts', 1) > 1:
            changes.append('gradients no longer accumulated')
        optimizer = one.get('optimizer') or {}
        if not isinstance(optimizer.get('lr'), (int, float)):
            continue
        old = optimizer['lr']
        if 'SGD' in type_name(optimizer):
            optimizer['lr'] = old * SGD_LR_FACTOR[task]
        else:
            optimizer['lr'] = max(old, LOWEST_ADAPTIVE_LR[task])
            raised = optimizer['lr'] > old
            if raised and task in LARGEST_GRADIENT and not one.get('clip_grad'):
                one['clip_grad'] = dict(max_norm=LARGEST_GRADIENT[task])
                changes.append(f'gradients clipped at {LARGEST_GRADIENT[task]:g}')
        if optimizer['lr'] != old:
            changes.append(f'learning rate {old:g} -> {optimizer["lr"]:g}')
    return ', '.join(changes)


def _rescale(scheduler, planned, length):
    """Scale what counts steps; a boundary that two phases share stays shared."""
    ratio = length / planned
    shortest = max(int(length * SHORTEST_PHASE), 1)

    def scaled(step):
        if step <= 0:
            return step
        if step >= planned:
            return max(round(step * ratio), length)
        return min(max(round(step * ratio), shortest), length)

    fills_phase = scheduler.get('T_max') is not None and scheduler[
        'T_max'
    ] == scheduler.get('end', 0) - scheduler.get('begin', 0)
    for key in ('begin', 'end'):
        if isinstance(scheduler.get(key), (int, float)):
            scheduler[key] = scaled(scheduler[key])
    if scheduler.get('begin'):
        # A phase without an end of its own reaches to the run's: it must begin before.
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


def _rescale_iterations(scheduler, total):
    """Iterations in a run of epochs: a warm-up, or a phase up to the end."""
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


def _keep_phase_open(scheduler):
    """mmengine refuses a phase of no steps."""
    begin, end = scheduler.get('begin', 0), scheduler.get('end')
    if isinstance(end, (int, float)) and end <= begin:
        scheduler['end'] = begin + 1
