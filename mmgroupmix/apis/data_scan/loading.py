"""Loading steps that report the file that they failed on.

The toolboxes' loaders name the file in some cases only: mmcv's image loader does when
OpenCV returns nothing, not when OpenCV or Pillow raises (an empty file, a truncated or
foreign label map: 'cannot identify image file <_io.BytesIO ...>').
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping

from mmengine.dataset import Compose

from ...checks import format_skip_hint
from ...errors import UserError
from ..config.tree import type_name
from .label_maps import find_misfit, find_odd_label, find_unsafe_annotation

#: Steps that resize a label map to the size that they give its image.
RESIZING_STEPS = ('Resize', 'RandomResize', 'RandomChoiceResize')


class FileReportingCompose(Compose):
    """A pipeline whose loading steps report the file that they failed on.

    Masks and label maps are checked on the way: native code crashes on some, and others
    would be misread in silence.

    Args:
        pipeline (Compose): The dataset's pipeline, whose transforms are used unchanged.
        checks_labels (bool): Whether label maps are checked. Defaults to True.
    """

    def __init__(self, pipeline: Compose, checks_labels: bool = True):
        self.transforms = pipeline.transforms
        self.checks_labels = checks_labels

    def __call__(self, data: dict) -> dict | None:
        """Apply the transforms.

        Raises:
            UserError: If a loading step fails, with the name of its file.
        """
        for i, transform in enumerate(self.transforms):
            is_loading = type(transform).__name__.startswith('Load')
            result = (
                load_and_check(
                    transform,
                    data,
                    self.checks_labels,
                    resizes_labels(self.transforms[i + 1 :]),
                )
                if is_loading
                else transform(data)
            )
            if result is None:
                return None
            data = result
        return data


def resizes_labels(steps: Iterable) -> bool:
    """Whether steps that follow a label map bring it to the size of its image.

    Args:
        steps (Iterable): Transforms, or configs of transforms. A crop before the resizing
            would cut another part of the label map than of its image.
    """
    for step in steps:
        name = type_name(step) if isinstance(step, Mapping) else type(step).__name__
        if name in RESIZING_STEPS or 'Crop' in name:
            return name in RESIZING_STEPS
    return False


def load_and_check(
    transform: Callable,
    data: dict,
    checks_labels: bool = True,
    is_resized: bool = False,
) -> dict | None:
    """Apply a loading step, and check what it reads and returns.

    Args:
        transform (Callable): The step.
        data (dict): The sample that it is given.
        checks_labels (bool): Whether label maps are checked. Defaults to True.
        is_resized (bool): Whether a later step brings image and label map to one size.
            Defaults to False.

    Returns:
        dict | None: What the step returns.

    Raises:
        UserError: If it fails, or reads what cannot be meant, with the name of the file.
    """
    name = type(transform).__name__
    paths = {key: data.get(key) for key in ('img_path', 'seg_map_path')}
    hint = f' {format_skip_hint("label-maps")}'
    reason = find_unsafe_annotation(transform, data)
    if reason:
        raise UserError(_format_message(name, paths, reason))
    reason = find_odd_label(transform, data) if checks_labels else None
    if reason:
        raise UserError(_format_message(name, paths, reason) + hint)
    try:
        result = transform(data)
    except Exception as error:
        reason = _describe_error(error, paths['seg_map_path'], paths['img_path'])
        raise UserError(_format_message(name, paths, reason)) from error
    reason = find_misfit(transform, result or {}, is_resized) if checks_labels else None
    if reason:
        raise UserError(_format_message(name, paths, reason) + hint)
    return result


def _describe_error(error: Exception, *paths: str | None) -> str:
    if any(path and os.path.isfile(path) and not os.path.getsize(path) for path in paths):
        return 'the file is empty'
    # Pillow's messages name the buffer that it was given.
    reason = re.sub(' <_io.BytesIO[^>]*>', '', ' '.join(str(error).split()))
    return reason or type(error).__name__


def _format_message(transform: str, paths: Mapping[str, str | None], reason: str) -> str:
    is_label_map = 'Annotation' in transform and paths['seg_map_path']
    path = (
        paths['seg_map_path' if is_label_map else 'img_path'] or 'a sample without path'
    )
    kind = 'label map' if is_label_map else 'image'
    if 'Annotation' in transform and not is_label_map:
        kind = 'annotations of'
    return (
        f'cannot read the {kind} {path} ({transform}: {reason}). Correct or replace it, '
        'or remove it from the dataset.'
    )
