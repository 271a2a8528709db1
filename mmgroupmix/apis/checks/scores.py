"""Checks of the scores that hooks wait for, by their names."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from ..config.mistakes import MistakeReport
from ..config.tree import as_list, type_name

#: What IoUMetric calls its scores.
IOU_SCORES = dict(
    mIoU='aAcc|mIoU|mAcc',
    mDice='aAcc|mDice|mAcc',
    mFscore='aAcc|mFscore|mPrecision|mRecall',
)
#: A score of each metric that is known here.
EXAMPLES = dict(IoUMetric='mIoU', CocoMetric='coco/bbox_mAP', Accuracy='accuracy/top1')


def check_score_names(cfg: Config, report: MistakeReport) -> None:
    """Check that the validation computes the scores that hooks monitor.

    Without this, mmengine stops at the end of the first validation.

    Args:
        cfg (Config): The config.
        report (MistakeReport): Receives the names that no metric has.
    """
    metrics = as_list(cfg.get('val_evaluator'))
    patterns = [find_score_pattern(metric) for metric in metrics]
    if not patterns or None in patterns:
        return  # a metric that is not known here
    for place, name in _iter_followed(cfg):
        if not any(re.fullmatch(str(pattern), name) for pattern in patterns):
            kinds = ', '.join(map(type_name, metrics))
            example = EXAMPLES[type_name(metrics[0])]
            report.add_error(
                'score-names',
                f'{place} is {name!r}, which {kinds} of val_evaluator does not compute. '
                f'Set it to one of its scores, such as {example!r}.',
            )


def find_score_pattern(metric: Any) -> str | None:
    """A pattern for the names of the scores of a metric.

    Args:
        metric (Any): Its config.

    Returns:
        str | None: A regular expression; None for a metric that is not known.
    """
    kind = type_name(metric)
    if kind == 'IoUMetric':
        names = [IOU_SCORES.get(name) for name in as_list(metric.get('iou_metrics'))]
        if None in names:
            return None
        return _add_prefix(metric, '', '|'.join(map(str, names)) or IOU_SCORES['mIoU'])
    if kind == 'CocoMetric' and not metric.get('metric_items'):
        kinds = '|'.join(as_list(metric.get('metric', 'bbox')))
        scores = rf'(?:{kinds})_mAP(?:_\w+)?|AR_?\w?@\d+|.+_precision'
        return _add_prefix(metric, 'coco', scores)
    if kind == 'Accuracy' and not metric.get('thrs'):
        ks = '|'.join(map(str, as_list(metric.get('topk', 1))))
        return _add_prefix(metric, 'accuracy', f'top(?:{ks})')
    return None


def _add_prefix(metric: Mapping, default: str, names: str) -> str:
    prefix = metric.get('prefix') or default
    return f'{re.escape(prefix)}/(?:{names})' if prefix else names


def _iter_followed(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield the scores that hooks follow, with their places."""
    hooks = dict(cfg.get('default_hooks') or {})
    places = [(f'default_hooks.{key}', hook) for key, hook in hooks.items() if hook]
    custom = as_list(cfg.get('custom_hooks'))
    places += [(f'custom_hooks[{i}]', hook) for i, hook in enumerate(custom)]
    for place, hook in places:
        for name in as_list(hook.get('save_best')):
            if isinstance(name, str) and name != 'auto':
                yield f'{place}.save_best', name
        if 'EarlyStopping' in type_name(hook) and isinstance(hook.get('monitor'), str):
            yield f'{place}.monitor', hook['monitor']
