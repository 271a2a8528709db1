"""Recognition of configs of the toolboxes' 2.x generation."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from mmengine.config import Config

from ...errors import UserError
from ...model_index import read_models
from .tree import as_list, type_name

#: What replaces the keys of the 2.x generation.
REPLACED_KEYS = dict(
    data='train_dataloader, val_dataloader, test_dataloader',
    optimizer='optim_wrapper',
    optimizer_config='optim_wrapper',
    lr_config='param_scheduler',
    runner='train_cfg',
    total_epochs='train_cfg',
    evaluation='val_evaluator',
    checkpoint_config='default_hooks.checkpoint',
    log_config='default_hooks.logger',
)
#: Of these, a config of today has none.
DISTINCTIVE_KEYS = ('lr_config', 'optimizer_config', 'checkpoint_config', 'log_config')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
#: Words for datasets in the names of this package's configs.
DATASETS = {'coco', 'ade20k', 'voc', 'trainval', 'cityscapes', 'in1k'}
#: Words of a model's types, and those in the names of this package's configs.
SYNONYMS = dict(
    fpnhead='sem fpn',
    uperhead='upernet',
    eahead='eanet',
    groupmixformer='gmf',
    groupmixnet='gmf',
    mobile='m',
    tiny='t',
    small='s',
    base='b',
    large='l',
)


def check_generation(cfg: Config) -> None:
    """Refuse a config of mmdet 2, mmseg 0 or mmcls 0.

    Args:
        cfg (Config): The config.

    Raises:
        UserError: Naming its old keys, what replaces them, and the config of this package
            that trains the same model, if there is one.
    """
    data = cfg.get('data')
    has_old_data = isinstance(data, Mapping) and not {
        'samples_per_gpu', 'imgs_per_gpu', 'train', 'val', 'test'
    }.isdisjoint(data)  # fmt: skip
    if any(cfg.get(name) for name in LOADERS):
        return
    if not has_old_data and not any(key in cfg for key in DISTINCTIVE_KEYS):
        return
    old = [key for key in REPLACED_KEYS if key in cfg]
    changes = '; '.join(f'{key} -> {REPLACED_KEYS[key]}' for key in old)
    ours = find_replacement(cfg)
    advice = f'Use {ours}, which trains this model, or ' if ours else ''
    migrate = f'{advice}write the new keys'
    raise UserError(
        f'{cfg.filename or "the config"} is of the 2.x generation of the toolboxes '
        f'(mmdet 2, mmseg 0, mmcls 0), which mmengine cannot run: {changes}. '
        f"{migrate[0].upper()}{migrate[1:]}; the toolboxes' migration guides say how."
    )


def list_ignored_keys(cfg: Config) -> list[str]:
    """Keys of the 2.x generation in a config of today, which nothing reads."""
    return [
        f'{key} is of the 2.x generation and not read; {REPLACED_KEYS[key]} replaces it'
        for key in DISTINCTIVE_KEYS
        if cfg.get(key)
    ]


def find_replacement(cfg: Config) -> str | None:
    """The config of this package for the model of an old config.

    Args:
        cfg (Config): The old config.

    Returns:
        str | None: Such as 'configs/retinanet_poolformer_s12_coco.py'.
    """
    words = set(_iter_words(cfg))
    model = cfg.get('model') or {}
    toolbox = 'mmpretrain'
    if 'decode_head' in model:
        toolbox = 'mmseg'
    elif any(key in model for key in ('bbox_head', 'roi_head', 'rpn_head')):
        toolbox = 'mmdet'
    best, most = None, 0
    for entry in read_models(toolbox):
        own = set(Path(entry['Config']).stem.split('_'))
        if own - words <= DATASETS and len(own & words) > most:
            best, most = entry['Config'], len(own & words)
    return best


def _iter_words(cfg: Config) -> Iterator[str]:
    model = cfg.get('model') or {}
    backbone = model.get('backbone') or {}
    texts = [Path(cfg.filename or '').stem, type_name(model), type_name(backbone)]
    texts += [type_name(head) for head in as_list(model.get('decode_head'))]
    texts.append(str(backbone.get('arch', '')))
    for text in texts:
        yield text.lower()
        for word in re.split(r'[_\W]+', re.sub(r'(?<=[a-z])(?=[A-Z])', '_', text)):
            yield word.lower()
        yield from SYNONYMS.get(text.lower(), '').split()
        for word in text.lower().split('_'):
            yield from SYNONYMS.get(word, '').split()
