"""Every setting of a config that moves results.

Values are read from the effective config and, where they are only visible there, from the
model and its optimizer.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from mmcv.cnn.bricks import DropPath
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...errors import UserError
from ..config.tree import as_list, type_name
from ..tasks import infer_task

NONE = 'none'
#: Hooks of this package's configs that only check and draw.
OWN_HOOKS = ('ClassNumCheckHook', 'CurveHook')
#: Parts of a model that have settings of their own.
HEADS = ('decode_head', 'auxiliary_head', 'bbox_head', 'rpn_head', 'roi_head', 'head')


def describe_recipe(cfg: Config) -> dict[str, Any]:
    """Describe every setting of a config that moves results.

    Args:
        cfg (Config): A complete config of mmseg, mmdet or mmpretrain.

    Returns:
        dict[str, Any]: Names of settings to numbers, texts, lists and dicts of them.

    Raises:
        UserError: If the config is not of these toolboxes or has several optimizers.
    """
    infer_task(cfg)
    try:
        model = build_model(cfg, 'meta')  # shapes suffice
    except (RuntimeError, NotImplementedError):
        model = build_model(cfg, 'cpu')  # some models compute with values
    recipe = {
        **_describe_optimization(cfg, model),
        **_describe_model(cfg, model),
        **_describe_data(cfg),
    }
    return {name: _plain(value) for name, value in recipe.items()}


def _describe_optimization(cfg: Config, model: nn.Module) -> dict[str, Any]:
    """Optimizer, rates, decay, schedule, length, averages."""
    wrapper = cfg.optim_wrapper
    if 'optimizer' not in wrapper:
        raise UserError(
            f'optim_wrapper has {", ".join(wrapper)}, expected one optimizer: '
            'recipes with several are not described'
        )
    optimizer = dict(wrapper.optimizer)
    lr, decay = optimizer.pop('lr'), optimizer.pop('weight_decay', 0)
    optimizer.pop('fused', None)
    schedulers = as_list(cfg.get('param_scheduler'))
    warm_up = [_describe_scheduler(s, lr) for s in schedulers if s.type == 'LinearLR']
    schedule = [_describe_scheduler(s, lr) for s in schedulers if s.type != 'LinearLR']
    loop = cfg.train_cfg
    key = 'max_epochs' if 'max_epochs' in loop else 'max_iters'
    hooks = [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]
    averages = [hook for hook in hooks if type_name(hook) == 'EMAHook']
    return {
        'optimizer': optimizer,
        'learning rate': lr,
        'batch size': (cfg.get('auto_scale_lr') or {}).get('base_batch_size', NONE),
        'batch size per device': cfg.train_dataloader.batch_size,
        'weight decay': decay,
        'rate and decay multipliers': _describe_groups(cfg, model, lr, decay),
        'gradient clipping': wrapper.get('clip_grad') or NONE,
        'warm-up': '; '.join(warm_up) or NONE,
        'schedule': '; '.join(schedule) or 'constant',
        'length': f'{loop[key]} {"epochs" if key == "max_epochs" else "iterations"}',
        'moving average': [
            dict(decay=1 - a.momentum, buffers=a.get('update_buffers', False))
            for a in averages
        ]
        or NONE,
        'other hooks': [
            name
            for hook in cfg.get('custom_hooks', [])
            if (name := type_name(hook)) not in OWN_HOOKS
        ]
        or NONE,
    }


def _describe_scheduler(scheduler: Mapping, lr: float) -> str:
    """One phase of the learning rate, in words."""
    kind = scheduler['type']
    if kind == 'LinearLR':
        phase = f'linear from {scheduler["start_factor"] * lr:.3g}'
    elif kind == 'MultiStepLR':
        phase = f'times {scheduler["gamma"]} after {list(scheduler["milestones"])}'
    elif kind in ('CosineAnnealingLR', 'PolyLR'):
        name = 'cosine' if kind == 'CosineAnnealingLR' else 'poly'
        power = f' {scheduler["power"]}' if 'power' in scheduler else ''
        phase = f'{name}{power} to {scheduler.get("eta_min", 0):g}'
    else:
        phase = kind
    unit = 'epochs' if scheduler.get('by_epoch', True) else 'iterations'
    steps = ' by iteration' if scheduler.get('convert_to_iter_based') else ''
    begin, end = scheduler.get('begin', 0), scheduler.get('end', 'the last')
    return f'{phase}, {unit} {begin} to {end}{steps}'


def _describe_groups(cfg: Config, model: nn.Module, lr: float, decay: float) -> dict:
    """Multipliers of learning rate and weight decay by the kind of a parameter."""
    norms = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)
    kinds = {}
    for prefix, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            full = f'{prefix}.{name}'
            if isinstance(module, norms):
                kind = 'norm weights' if name == 'weight' else 'norm biases'
            elif name == 'bias':
                kind = 'biases'
            elif 'cls_token' in full:
                kind = 'class token'
            elif 'position' in full:
                kind = 'position weights'
            else:
                kind = 'weights' if parameter.ndim > 1 else 'other vectors'
            kinds[id(parameter)] = kind
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        groups = build_optim_wrapper(
            model, deepcopy(cfg.optim_wrapper)
        ).optimizer.param_groups
    found: dict[str, set] = {}
    for group in groups:
        factors = (
            round(group['lr'] / lr, 6),
            round(group['weight_decay'] / decay, 6) if decay else 0,
        )
        for parameter in group['params']:
            found.setdefault(kinds[id(parameter)], set()).add(factors)
    return {
        kind: ', '.join(f'lr x{a:g}, decay x{b:g}' for a, b in sorted(factors))
        for kind, factors in sorted(found.items())
    }


def _describe_model(cfg: Config, model: nn.Module) -> dict[str, Any]:
    """Architecture, regularisation, losses, initial weights."""
    settings = dict(cfg.model)
    backbone = dict(settings.pop('backbone', {}))
    start = backbone.pop('init_cfg', None)
    drop_paths = [float(m.drop_prob) for m in model.modules() if isinstance(m, DropPath)]
    dropout: dict[str, float] = {}
    for name, module in model.named_modules():
        if isinstance(module, (nn.Dropout, nn.Dropout2d)) and module.p:
            kind = '.'.join(part for part in name.split('.') if not part.isdigit())
            dropout[kind] = module.p
    recipe = {
        'backbone': backbone or NONE,
        'stochastic depth': round(max(drop_paths, default=0.0), 6),
        'dropout': dropout or NONE,
        'initial weights': cfg.get('load_from') or start or 'random',
        'preprocessing': settings.pop('data_preprocessor', None)
        or cfg.get('data_preprocessor', NONE),
        'neck': settings.pop('neck', None) or NONE,
    }
    for key in HEADS:
        if settings.get(key):
            recipe[key.replace('_', ' ')] = settings.pop(key)
    recipe['model'] = settings
    return recipe


def _describe_data(cfg: Config) -> dict[str, Any]:
    """Sets, pipelines in order, samplers, metrics."""
    recipe = {}
    for split, name in (('train', 'training'), ('val', 'validation'), ('test', 'test')):
        loader = cfg.get(f'{split}_dataloader')
        if not loader or (split == 'test' and loader == cfg.get('val_dataloader')):
            continue
        dataset = deepcopy(dict(loader.dataset))
        pipelines = [
            leaf.pop('pipeline')
            for leaf in [dataset, *dataset.get('datasets', [])]
            if 'pipeline' in leaf
        ]
        same = all(pipeline == pipelines[0] for pipeline in pipelines)
        recipe[f'{name} pipeline'] = pipelines[0] if same else pipelines
        recipe[f'{name} set'] = dataset
        recipe[f'{name} sampler'] = {
            key: loader[key] for key in ('sampler', 'batch_sampler') if key in loader
        }
    recipe['metric'] = cfg.get('val_evaluator', NONE)
    if cfg.get('test_evaluator', NONE) != recipe['metric']:
        recipe['test metric'] = cfg.get('test_evaluator', NONE)
    recipe['test-time augmentation'] = cfg.get('tta_pipeline') or NONE
    return recipe


def build_model(cfg: Config, device: str) -> nn.Module:
    """Build the model with random weights; on the device 'meta' it needs no memory."""
    settings = deepcopy(cfg.model)
    if 'backbone' in settings:
        settings.backbone.init_cfg = None
    if cfg.get('data_preprocessor') and not settings.get('data_preprocessor'):
        settings.data_preprocessor = cfg.data_preprocessor
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device(device):
        return revert_sync_batchnorm(MODELS.build(settings))


def _plain(value: Any) -> Any:
    """Mappings and sequences as dicts and lists, as YAML reads them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
