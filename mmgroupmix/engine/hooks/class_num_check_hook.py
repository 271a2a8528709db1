"""Hook that compares labels with the number of classes of the model.

Without it, an invalid label raises 'device-side assert triggered' on a GPU, far from its
cause, and an index error on a CPU that does not name the file.
"""

from collections.abc import Iterable
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from ...checks import format_skip_hint, get_skipped_checks
from ...errors import UserError
from ...registry import HOOKS

# It learns edges that it derives from the label map: two classes for any dataset.
HEADS_WITH_OWN_TARGETS = ('STDCHead',)


# The second name occurs in configs that earlier versions wrote into work directories.
@HOOKS.register_module(name=['ClassNumCheckHook', 'LabelCheckHook'])
class ClassNumCheckHook(Hook):
    """Compare the labels of every training batch with the model's number of classes.

    It reads the label maps once, on the CPU, before the batch is moved to the device.

    Raises:
        UserError: If a label has no class; names the label, the file and the allowed
            labels.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self.num_classes, self.ignore_index = find_allowed_labels(model)
        if 'label-range' in get_skipped_checks(runner.cfg):
            self.num_classes = None

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        batch = data_batch if isinstance(data_batch, dict) else {}
        samples = batch.get('data_samples')
        if self.num_classes is None or not isinstance(samples, (list, tuple)):
            return
        for sample in samples:
            labels = _get_labels(sample)
            if labels is not None and labels.numel():
                self._check(labels, sample, self.num_classes)

    def _check(self, labels: Tensor, sample: BaseDataElement, num_classes: int) -> None:
        # Most maps pass after two reductions; only those with ignored or invalid pixels
        # are copied.
        if int(labels.min()) >= 0 and int(labels.max()) < num_classes:
            return
        invalid = labels[(labels >= num_classes) | (labels < 0)]
        if self.ignore_index is not None:
            invalid = invalid[invalid != self.ignore_index]
        if not invalid.numel():
            return
        meta = sample.metainfo
        source = meta.get('seg_map_path') or meta.get('img_path') or 'an unnamed sample'
        values = ', '.join(str(value) for value in invalid.unique().tolist()[:5])
        ignored = (
            ''
            if self.ignore_index is None
            else f', or {self.ignore_index}, which is ignored'
        )
        raise UserError(
            f'label {values} in {source}: the model has {num_classes} classes, so labels '
            f'must be 0 to {num_classes - 1}{ignored}. Check num_classes of the heads, '
            'the classes of the dataset and, for segmentation, reduce_zero_label. '
            + format_skip_hint('label-range')
        )


def find_allowed_labels(model: nn.Module) -> tuple[int | None, int | None]:
    """Find the labels that the heads of a model accept.

    Args:
        model (nn.Module): A model of mmseg, mmdet or mmpretrain.

    Returns:
        tuple[int | None, int | None]: The smallest number of classes of a head, and the
        label to ignore; None for a number that the model does not have.
    """
    if getattr(model, 'decode_head', None) is not None:
        heads = _list_heads(model.decode_head)[-1:]
        heads += _list_heads(getattr(model, 'auxiliary_head', None))
        heads = [
            head for head in heads if type(head).__name__ not in HEADS_WITH_OWN_TARGETS
        ]
        ignore_index = getattr(heads[0], 'ignore_index', 255) if heads else 255
        counts = [count_labels(head) for head in heads]
        return min((n for n in counts if n), default=None), ignore_index
    if getattr(model, 'generator', None) is not None:
        return getattr(model, 'num_classes', None), None
    roi_head = getattr(model, 'roi_head', None)
    for head in (
        getattr(roi_head, 'bbox_head', None),
        getattr(model, 'bbox_head', None),
        getattr(model, 'panoptic_head', None),
        getattr(model, 'mask_head', None),
        getattr(model, 'head', None),
    ):
        num_classes = _find_min_num_classes(_list_heads(head))
        if num_classes:
            return num_classes, None
    return None, None


def count_labels(head: Any) -> int | None:
    """The labels of a decode head: two for one output with a binary loss.

    Args:
        head (Any): A decode head of mmseg.

    Returns:
        int | None: Labels are 0 to one less; None if the head has no number of classes.
    """
    num_classes = getattr(head, 'num_classes', None)
    outputs = getattr(head, 'out_channels', None) or num_classes
    losses = _list_heads(getattr(head, 'loss_decode', None))
    if outputs == 1 and losses and not any(map(_is_softmax, losses)):
        return 2
    return num_classes


def _is_softmax(loss: Any) -> bool:
    is_binary = getattr(loss, 'use_sigmoid', False) or getattr(loss, 'use_mask', False)
    return 'CrossEntropy' in type(loss).__name__ and not is_binary


def _list_heads(head: Any) -> list[Any]:
    """Return the heads of a cascade, a single head as a list, or [] for None."""
    if head is None:
        return []
    return list(head) if type(head).__name__ in ('ModuleList', 'Sequential') else [head]


def _find_min_num_classes(heads: Iterable[Any]) -> int | None:
    counts = [
        getattr(head, 'num_classes', None)
        for head in heads
        # A region proposal head has one class, whatever the labels of the data are.
        if 'RPN' not in type(head).__name__
    ]
    return min((count for count in counts if count), default=None)


def _get_labels(sample: BaseDataElement) -> Tensor | None:
    if 'gt_sem_seg' in sample:
        return sample.gt_sem_seg.data
    if 'gt_instances' in sample and 'labels' in sample.gt_instances:
        return sample.gt_instances.labels
    return sample.gt_label if 'gt_label' in sample else None
