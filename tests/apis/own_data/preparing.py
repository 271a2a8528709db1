"""Preparing data as ``tools/train.py --data`` does, and what the toolboxes then read."""

from copy import deepcopy
from functools import cache
from importlib import import_module

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmgroupmix.apis.own_data.prepare import prepare_data
from mmgroupmix.apis.tasks import infer_task

from ...commands import REPOSITORY

DETECTOR = 'retinanet_poolformer_s12_coco'
SEGMENTOR = 'sem_fpn_poolformer_s12_ade20k'
CLASSIFIER = 'poolformer_s12_in1k'
#: No weights are looked for.
OPTIONS = {'model.backbone.init_cfg': None}


@cache
def _read_once(name):
    return Config.fromfile(REPOSITORY / 'configs' / f'{name}.py')


def read_config(name):
    return deepcopy(_read_once(name))


def prepare(name, path, work_dir, **options):
    """Write a config for data; returns it as read from its file, and the report."""
    cfg = name if isinstance(name, Config) else read_config(name)
    chosen = dict(keep=False, overwrite=False) | options
    prepared = prepare_data(
        cfg, infer_task(cfg), str(path), str(work_dir), OPTIONS, **chosen
    )
    return Config.fromfile(prepared.config), prepared.report


def build_dataset(cfg, split):
    """The toolbox's own dataset of a split."""
    scope = cfg.default_scope
    with DefaultScope.overwrite_default_scope(scope):
        registry = import_module(f'{scope}.registry').DATASETS
        # mmengine collects garbage when it serialises, for most of a second.
        settings = dict(cfg[f'{split}_dataloader'].dataset, serialize_data=False)
        return registry.build(settings)
