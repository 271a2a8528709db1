"""Datasets, evaluators and loaders of a config, for data of the user's own."""

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from ...errors import UserError
from ..config.tree import as_list, leaf_datasets, type_name, walk
from ..demo.data import EVALUATORS, LOADERS, UNSUPPORTED_TRANSFORMS
from ..tasks import Task
from .own_data import OwnData, make_palette

#: Settings of a dataset that stay, whatever it reads.
KEPT_SETTINGS = ('filter_cfg', 'test_mode', 'serialize_data')
#: Scores by which the best checkpoint is chosen, of the evaluators that are used here.
BEST_SCORES = dict(mmdet='coco/bbox_mAP', mmseg='mIoU', mmpretrain='accuracy/top1')
EVALUATOR_TYPES = dict(mmdet='CocoMetric', mmseg='IoUMetric', mmpretrain='Accuracy')

Reasons = dict[str, str]


def use_datasets(
    cfg: Config, task: Task, data: OwnData, datasets: Mapping[str, dict]
) -> None:
    """Replace the datasets of a config, in place, with their evaluators.

    Args:
        cfg (Config): The config.
        task (Task): Its task.
        data (OwnData): The data.
        datasets (Mapping[str, dict]): The dataset of each split, see
            :meth:`OwnData.write`.

    Raises:
        UserError: If the pipelines need data of another kind.
    """
    _check_pipelines(cfg)
    palette = data.palette or make_palette(len(data.classes))
    metainfo = dict(classes=data.classes, palette=palette)
    for name in LOADERS:
        loader = cfg.get(name)
        if not loader:
            continue
        split = _choose_split(name, datasets)
        loader['dataset'] = _merge_concatenated(loader['dataset'])
        for _, leaf in list(leaf_datasets(loader['dataset'])):
            own = dict(data_root=f'{data.root}/', **datasets[split], metainfo=metainfo)
            own |= {key: leaf[key] for key in KEPT_SETTINGS if key in leaf}
            if type_name(leaf) == type_name(own):
                own['type'] = leaf['type']
            if task.toolbox == 'mmseg':
                own['reduce_zero_label'] = False
            own['pipeline'] = _adapt_pipeline(leaf.get('pipeline') or [], task)
            leaf.clear()
            leaf.update(own)
    if cfg.get('tta_pipeline'):
        cfg.tta_pipeline = _adapt_pipeline(cfg.tta_pipeline, task)
    for name in EVALUATORS:
        evaluators = as_list(cfg.get(name))
        if evaluators:
            split = _choose_split(name, datasets)
            cfg[name] = _adapt_evaluators(evaluators, cfg, task, data, datasets[split])
    _set_best_score(cfg, task)


def _choose_split(name: str, datasets: Mapping[str, dict]) -> str:
    """The split of a loader or an evaluator: a test is one on 'val' if need be."""
    split = name.partition('_')[0]
    return split if split in datasets else 'val'


def _adapt_pipeline(pipeline: list, task: Task) -> list[dict]:
    """A pipeline that reads local files, and labels as they are."""
    adapted = task.adapt_pipeline([dict(transform) for transform in pipeline])
    for _, transform in walk(adapted):
        if transform.get('backend_args'):
            transform['backend_args'] = None
        if type_name(transform) == 'LoadAnnotations':
            transform.pop('reduce_zero_label', None)
    return adapted


def _adapt_evaluators(
    evaluators: list[dict], cfg: Config, task: Task, data: OwnData, dataset: Mapping
) -> Any:
    if task.toolbox == 'mmpretrain':
        copies = [dict(evaluator) for evaluator in evaluators]
        adapted = task.mini_evaluators(copies, cfg, data.root)
        for evaluator in adapted:
            _bound_top_k(evaluator, len(data.classes))
        return adapted[0] if len(adapted) == 1 else adapted
    chosen = task.mini_evaluators(evaluators, cfg, data.root)
    if task.toolbox == 'mmdet':
        file = dataset['ann_file']
        return dict(chosen, ann_file=file if file[0] == '/' else f'{data.root}/{file}')
    return chosen[0] if len(chosen) == 1 else chosen


def _bound_top_k(evaluator: dict, num_classes: int) -> None:
    """Score among fewer classes than there are, in place."""
    top = evaluator.get('topk', 1 if type_name(evaluator) == 'Accuracy' else None)
    if top is not None:
        kept = tuple(k for k in as_list(top) if k < num_classes) or (1,)
        evaluator['topk'] = kept
    if evaluator.get('num_classes'):
        evaluator['num_classes'] = num_classes


def _set_best_score(cfg: Config, task: Task) -> None:
    """Choose the best checkpoint by a score that the evaluators report, in place."""
    evaluators = as_list(cfg.get('val_evaluator'))
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    known = (BEST_SCORES[task.toolbox], 'auto', 'coco/segm_mAP', 'aAcc', 'mAcc')
    if hook.get('save_best') and hook['save_best'] not in known:
        types = {type_name(evaluator) for evaluator in evaluators}
        usual = EVALUATOR_TYPES[task.toolbox] in types
        hook['save_best'] = BEST_SCORES[task.toolbox] if usual else 'auto'


def _merge_concatenated(dataset: Any) -> Any:
    """Take one of several datasets that a wrapper joins: all would be the same."""
    if isinstance(dataset, (list, tuple)):
        return _merge_concatenated(dataset[0])
    if isinstance(dataset, dict):
        if dataset.get('datasets'):
            return _merge_concatenated(dataset['datasets'][0])
        if 'dataset' in dataset:
            dataset['dataset'] = _merge_concatenated(dataset['dataset'])
    return dataset


def _check_pipelines(cfg: Config) -> None:
    for name in LOADERS:
        for place, node in walk(cfg.get(name), name):
            if type_name(node) in UNSUPPORTED_TRANSFORMS or node.get('with_seg'):
                raise UserError(
                    f'--data: {place} ({type_name(node)}) needs more than images with '
                    'classes, boxes, masks or one label map. Write its dataset into the '
                    'config yourself.'
                )
