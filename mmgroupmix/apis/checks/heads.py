"""Checks of the numbers of classes: of heads, preprocessors, losses, metrics and data."""

import inspect
from collections.abc import Iterable, Iterator, Mapping

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from ..config.mistakes import MistakeReport
from ..config.tree import as_list, type_name, walk
from ..data_scan.labels import HEADS_WITH_OWN_TARGETS, count_labels
from ..tasks import CLASSIFICATION, SEGMENTATION, Task

#: Heads whose classes are not those of the data: proposals, and semantic branches that
#: have label maps of their own.
OTHER_HEADS = ('rpn_head', 'semantic_head', 'rpn')
#: Numbers of classes of panoptic heads, and the list in the metadata that they count.
PANOPTIC_KEYS = dict(
    num_things_classes='thing_classes', num_stuff_classes='stuff_classes'
)


def check_heads(
    cfg: Config,
    task: Task,
    classes: Mapping[str, tuple],
    report: MistakeReport,
    largest: Mapping[str, int] | None = None,
) -> None:
    """Compare the classes of all heads with those of the data.

    Args:
        cfg (Config): The config.
        task (Task): Its task.
        classes (Mapping[str, tuple]): Names of the classes of each dataset, by its place.
        report (MistakeReport): Receives what differs.
        largest (Mapping[str, int], optional): The largest label of each dataset, by its
            place, where all of its labels are known. Defaults to None.
    """
    model = cfg.get('model') or {}
    if 'language_model' in model:
        return  # it predicts words, not classes
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or task.toolbox):
        heads = list(iter_head_classes(model, task))
    places: dict[tuple, list[str]] = {}
    for place, names in classes.items():
        places.setdefault(names, []).append(place)
    for names, datasets in places.items():
        wrong = [(head, number) for head, number in heads if number != len(names)]
        if wrong:
            where = ' and '.join(datasets)
            # Outputs without a class train, but CocoMetric stops at a label without a
            # category; classes without an output train if they do not occur.
            label = max((largest or {}).get(one, len(names) - 1) for one in datasets)
            is_scored = _are_scored_by_coco(cfg, datasets)
            fails = any(
                is_scored if number > len(names) else number <= label
                for _, number in wrong
            )
            _report_heads(where, names, wrong, fails, bool(cfg.get('demo')), report)


def _are_scored_by_coco(cfg: Config, places: Iterable[str]) -> bool:
    """Whether a metric of COCO judges what the model predicts on any of the datasets."""
    modes = {place.partition('_')[0] for place in places}
    metrics = [cfg.get(f'{mode}_evaluator') for mode in modes]
    return any(type_name(one).endswith('CocoMetric') for _, one in walk(metrics))


def _report_heads(
    place: str,
    names: tuple,
    wrong: list[tuple[str, int]],
    fails: bool,
    is_demo: bool,
    report: MistakeReport,
) -> None:
    listed = ', '.join(f'{head}.num_classes is {number}' for head, number in wrong)
    shown = ', '.join(map(str, names[:4])) + (', ...' if len(names) > 4 else '')
    text = f'{listed}; {place}: {len(names)} classes ({shown}). Set num_classes of '
    text += 'the heads to the number of classes, or correct metainfo.classes.'
    if fails:
        report.add_error('num-classes', text)
    elif not is_demo:  # its data have fewer classes than the model
        report.add_warning('num-classes', text)


def iter_head_classes(model: Mapping, task: Task) -> Iterator[tuple[str, int]]:
    """Yield the number of classes of every head that predicts those of the data.

    Args:
        model (Mapping): The config of a model.
        task (Task): Its task.

    Yields:
        tuple[str, int]: The place of a head, and its number of classes, which may be the
        default of its type.
    """
    for key in (*task.head_keys, 'auxiliary_head'):
        for place, node in walk(model.get(key), f'model.{key}'):
            keys = place.replace('[', '.').split('.')
            name = type_name(node)
            if not name.endswith('Head') or not set(keys).isdisjoint(OTHER_HEADS):
                continue
            if name in HEADS_WITH_OWN_TARGETS or any(
                key in node for key in PANOPTIC_KEYS
            ):
                continue
            number = node.get('num_classes', _find_default(node))
            outputs = node.get('out_channels')
            if not isinstance(number, int):
                continue
            is_binary = task is SEGMENTATION and 1 in (outputs, number)
            # A softmax over one output is not binary: it accepts label 0 alone.
            if not is_binary or count_labels(dict(node, num_classes=number)) == 1:
                yield place, number


def _find_default(head: Mapping) -> int | None:
    """The number of classes that a type of head has by default."""
    kind = head.get('type')
    if isinstance(kind, str):
        with MODELS.switch_scope_and_registry(None) as registry:
            kind = registry.get(kind)
    for parent in kind.__mro__ if inspect.isclass(kind) else ():
        parameter = inspect.signature(parent).parameters.get('num_classes')
        if parameter is not None:
            default = parameter.default
            return default if isinstance(default, int) else None
    return None


def check_panoptic(
    cfg: Config, datasets: Mapping[str, Mapping], report: MistakeReport
) -> None:
    """Compare the things and stuff of panoptic heads with those of the data.

    Args:
        cfg (Config): The config.
        datasets (Mapping[str, Mapping]): Metadata of each dataset, by its place.
        report (MistakeReport): Receives what differs.
    """
    for place, metainfo in datasets.items():
        for head, node in walk(cfg.get('model'), 'model'):
            for key, names in PANOPTIC_KEYS.items():
                number = node.get(key)
                if number and names in metainfo and number != len(metainfo[names]):
                    report.add_error(
                        'num-classes',
                        f'{head}.{key} is {number}; {place} has {len(metainfo[names])} '
                        f'{names}. Set both to the same number.',
                    )


def check_classifier(cfg: Config, task: Task, report: MistakeReport) -> None:
    """Check that preprocessor, losses and metrics fit the classes of a classifier.

    Args:
        cfg (Config): The config.
        task (Task): Its task.
        report (MistakeReport): Receives what does not fit.
    """
    model = cfg.get('model') or {}
    number = task.num_outputs(model)
    if task is not CLASSIFICATION or not number:
        return
    places = [('model.head.loss', (model.get('head') or {}).get('loss'))]
    places += [('model.train_cfg', model.get('train_cfg'))]
    for place, part in (
        ('data_preprocessor', cfg.get('data_preprocessor')),
        ('model.data_preprocessor', model.get('data_preprocessor')),
    ):
        # Without these, it leaves labels as they are.
        mixes = (model.get('train_cfg') or {}).get('augments')
        if part and (mixes or part.get('batch_augments') or part.get('to_onehot')):
            places.append((place, part))
    for start, part in places:
        for place, node in walk(part, start):
            other = node.get('num_classes')
            if isinstance(other, int) and other != number:
                report.add_error(
                    'num-classes',
                    f'{place}.num_classes is {other}, and model.head.num_classes '
                    f'{number}. Set both to the number of classes of the data.',
                )
    heads = [('model.head', model.get('head'))]
    metrics = [(key, cfg.get(key)) for key in ('val_evaluator', 'test_evaluator')]
    for start, part in [*heads, *metrics]:
        for place, node in walk(part, start):
            too_large = [k for k in _iter_top_k(node) if k > number]
            if too_large:
                report.add_error(
                    'top-k',
                    f'{place}.topk counts the best {max(too_large)} of {number} classes. '
                    f'Set topk of it to at most {number}, such as topk=(1, ).',
                )


def _iter_top_k(node: Mapping) -> Iterator[int]:
    if node.get('topk') and (type_name(node) == 'Accuracy' or node.get('cal_acc')):
        for k in as_list(node['topk']):
            if isinstance(k, int):
                yield k
