"""Classes and anchors of a model, for data of the user's own."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ...engine.hooks.class_num_check_hook import HEADS_WITH_OWN_TARGETS
from ..config.tree import iter_sizes, type_name, walk
from ..tasks import Task
from .adapt_data import Reasons

#: Keys of a model that count classes; panoptic models split them in two.
CLASS_KEYS = ('num_classes', 'num_things_classes')
#: Fewer boxes say too little about shapes.
MIN_BOXES = 20
#: Of more boxes, a sample.
MAX_BOXES = 5000
#: A box is covered if an anchor of the right place overlaps it by half.
COVERED_IOU = 0.5
#: Anchors are left alone if they cover this share of the boxes ...
ENOUGH_COVERED = 0.9
#: ... or if no others cover so much more.
MIN_GAIN = 0.05


def set_classes(cfg: Config, task: Task, classes: Sequence[str]) -> Reasons:
    """Set the number of classes in all heads and preprocessors, in place.

    Region proposals, and heads with targets of their own, keep theirs.

    Args:
        cfg (Config): The config.
        task (Task): Its task.
        classes (Sequence[str]): Names of the classes.

    Returns:
        Reasons: What was changed, by place.
    """
    number, old = len(classes), task.num_outputs(cfg.model)
    heads = []
    for part in ('model', 'data_preprocessor'):
        for place, node in walk(cfg.get(part), part):
            if 'rpn_head' in place or type_name(node) in HEADS_WITH_OWN_TARGETS:
                continue
            for key in CLASS_KEYS:
                if node.get(key):
                    node[key] = number
                    heads.append(place.removeprefix('model.'))
            if node.get('num_stuff_classes'):
                node['num_stuff_classes'] = 0
            if node.get('out_channels') == old and 'num_classes' in node:
                node['out_channels'] = number
            if node.get('out_channels') == 1 and node.get('num_classes', 0) > 2:
                node.pop('out_channels')
                node.pop('threshold', None)
            _set_class_weights(node, old, number)
    if old == number:
        return {}
    heads = [place for place in dict.fromkeys(heads) if 'preprocessor' not in place]
    named = ', '.join(heads)
    return dict(
        model=f'{old} classes -> {number}: the class layer of {named} starts from scratch'
    )


def fit_anchors(
    cfg: Config, boxes: Sequence[tuple[tuple[float, float], tuple[float, float]]]
) -> Reasons:
    """Fit anchors to boxes of another size or shape, in place.

    The number of anchors stays, so that weights still fit.

    Args:
        cfg (Config): The config, with its final sizes.
        boxes (Sequence): Width and height of an image, and of a box in it.

    Returns:
        Reasons: What was changed and why, by place.
    """
    shapes = _scale_boxes(cfg, boxes)
    if len(shapes) < MIN_BOXES:
        return {}
    reasons = {}
    for place, node in walk(cfg.model, 'model'):
        if type_name(node) != 'AnchorGenerator':
            continue
        now = measure_cover(node, shapes)
        if now >= ENOUGH_COVERED:
            continue
        best, cover = node, now
        for other in _propose_anchors(node, shapes):
            other_cover = measure_cover(other, shapes)
            if other_cover > cover:
                best, cover = other, other_cover
        if cover - now >= MIN_GAIN:
            node.update(best)
            reasons[place] = (
                f'the anchors covered {now:.0%} of the training boxes (overlap of at '
                f'least {COVERED_IOU}), these cover {cover:.0%}'
            )
    return reasons


def measure_cover(generator: Mapping, shapes: np.ndarray) -> float:
    """Share of boxes that an anchor in the right place overlaps by half.

    Args:
        generator (Mapping): Config of mmdet's ``AnchorGenerator``.
        shapes (np.ndarray): (N, 2), width and height of boxes at the training size.

    Returns:
        float: Between 0 and 1.
    """
    from mmdet.registry import TASK_UTILS

    with DefaultScope.overwrite_default_scope('mmdet'):
        built = TASK_UTILS.build(dict(generator))
    anchors = torch.cat(built.base_anchors).numpy()
    sizes = anchors[:, 2:] - anchors[:, :2]
    common = np.minimum(shapes[:, None], sizes[None]).prod(-1)
    union = shapes.prod(-1)[:, None] + sizes.prod(-1)[None] - common
    return float(((common / union).max(1) >= COVERED_IOU).mean())


def _propose_anchors(node: Mapping, shapes: np.ndarray) -> list[dict]:
    """Smaller and larger anchors, with the old ratios and those of the boxes."""
    ratios = shapes[:, 1] / shapes[:, 0]
    count = len(node['ratios'])
    levels = np.linspace(0, 1, 2 * count + 1)[1::2]
    fitted = [round(float(x), 2) for x in np.quantile(ratios, levels)]
    proposals = []
    for choice in (list(node['ratios']), fitted):
        for factor in (0.25, 0.5, 1, 2):
            other = dict(node, ratios=choice)
            if node.get('octave_base_scale'):
                other['octave_base_scale'] = node['octave_base_scale'] * factor
            elif node.get('scales'):
                other['scales'] = [scale * factor for scale in node['scales']]
            else:
                continue
            proposals.append(other)
    return proposals


def _scale_boxes(
    cfg: Config, boxes: Sequence[tuple[tuple[float, float], tuple[float, float]]]
) -> np.ndarray:
    """Sizes of boxes in the image that the model sees, of mmdet's usual Resize."""
    scale = None
    for _, transform, key, value in iter_sizes(cfg.get('train_dataloader')):
        if key in ('scale', 'scales', 'img_scale') and 'Resize' in type_name(transform):
            scale = value if isinstance(value[0], (int, float)) else value[-1]
    if scale is None or not boxes:
        return np.zeros((0, 2))
    sample = boxes[:: -(-len(boxes) // MAX_BOXES)]
    images, sizes = (np.array(part, float) for part in zip(*sample))
    longest, shortest = max(scale), min(scale)
    factor = np.minimum(longest / images.max(1), shortest / images.min(1))
    return sizes * factor[:, None]


def _set_class_weights(node: Any, old: int | None, number: int) -> None:
    """Drop weights of classes that are gone, in place; that of 'no object' stays."""
    weights = node.get('class_weight')
    if not isinstance(weights, (list, tuple)) or old is None:
        return
    if len(weights) == old + 1:
        node['class_weight'] = [1.0] * number + [weights[-1]]
    elif len(weights) != number:
        node['class_weight'] = None
