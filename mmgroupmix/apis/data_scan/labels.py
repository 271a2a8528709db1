"""The labels that the heads of a model config accept."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..config.tree import as_list, type_name
from ..tasks import SEGMENTATION, Task

#: mmseg ignores this label unless a head says otherwise.
IGNORED_LABEL = 255
# It learns edges that it derives from the label map: two classes for any dataset.
HEADS_WITH_OWN_TARGETS = ('STDCHead',)


class AllowedLabels(NamedTuple):
    """The labels that a model accepts.

    Attributes:
        number (int, optional): Labels are 0 to ``number - 1``; None if that is unknown.
        ignored (int, optional): The label that is ignored, if there is one.
        stops (bool): Whether another label ends the run, and does not only count as
            wrong. Defaults to True.
    """

    number: int | None = None
    ignored: int | None = None
    stops: bool = True


def find_allowed_labels(model: Mapping, task: Task) -> AllowedLabels:
    """Find the labels that the heads of a model config accept.

    Args:
        model (Mapping): The config of a model.
        task (Task): Its task.

    Returns:
        AllowedLabels: The labels.
    """
    if task is not SEGMENTATION:
        return AllowedLabels(task.num_outputs(model))
    heads = as_list(model.get('decode_head'))[-1:] + as_list(model.get('auxiliary_head'))
    heads = [head for head in heads if type_name(head) not in HEADS_WITH_OWN_TARGETS]
    if not heads:
        return AllowedLabels(None, IGNORED_LABEL)
    counts = [count_labels(head) for head in heads if head.get('num_classes')]
    ignored = heads[0].get('ignore_index', IGNORED_LABEL)
    return AllowedLabels(min(counts, default=None), ignored)


def count_labels(head: Mapping) -> int:
    """The labels of a decode head: two for one output with a binary loss."""
    outputs = head.get('out_channels') or head['num_classes']
    losses = as_list(head.get('loss_decode')) or [dict(type='CrossEntropyLoss')]
    if outputs == 1 and not any(map(_is_softmax, losses)):
        return 2
    return int(head['num_classes'])


def _is_softmax(loss: Any) -> bool:
    name = type_name(loss)
    return 'CrossEntropy' in name and not (
        loss.get('use_sigmoid') or loss.get('use_mask')
    )
