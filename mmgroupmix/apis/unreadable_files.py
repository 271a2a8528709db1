"""Reports of images and annotations that cannot be read, with the name of the file.

The toolboxes' loaders name the file in some cases only: mmcv's image loader does when
OpenCV returns nothing, not when OpenCV or Pillow raises (an empty file, a truncated or
foreign label map: 'cannot identify image file <_io.BytesIO ...>').
"""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.dataset import Compose
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ..errors import UserError
from .config.main_rank import on_main_rank
from .dataset_files import check_listed_files, describe_loading_error, iter_datasets
from .label_maps import find_misfit, find_unsafe_annotation


class FileReportingCompose(Compose):
    """A pipeline whose loading steps report the file that they failed on.

    Masks and label maps are checked on the way: native code crashes on some, and others
    would be misread in silence.

    Args:
        pipeline (Compose): The dataset's pipeline, whose transforms are used unchanged.
    """

    def __init__(self, pipeline: Compose):
        self.transforms = pipeline.transforms

    def __call__(self, data: dict) -> dict | None:
        """Apply the transforms.

        Raises:
            UserError: If a loading step fails, with the name of its file.
        """
        for transform in self.transforms:
            name = type(transform).__name__
            result = (
                _load(transform, name, data)
                if name.startswith('Load')
                else transform(data)
            )
            if result is None:
                return None
            data = result
        return data


def _load(transform: Callable, name: str, data: dict) -> dict | None:
    paths = {key: data.get(key) for key in ('img_path', 'seg_map_path')}
    reason = find_unsafe_annotation(transform, data)
    if reason:
        raise UserError(_format_message(name, paths, reason))
    try:
        result = transform(data)
    except Exception as error:
        reason = _describe_error(error, paths['seg_map_path'], paths['img_path'])
        raise UserError(_format_message(name, paths, reason)) from error
    reason = find_misfit(transform, result or {})
    if reason:
        raise UserError(_format_message(name, paths, reason))
    return result


def _describe_error(error: Exception, *paths: str | None) -> str:
    if any(path and os.path.isfile(path) and not os.path.getsize(path) for path in paths):
        return 'the file is empty'
    # Pillow's messages name the buffer that it was given.
    reason = re.sub(' <_io.BytesIO[^>]*>', '', ' '.join(str(error).split()))
    return reason or type(error).__name__


def report_unreadable_files(runner: Runner) -> None:
    """Let every dataset that a runner builds report the file that it cannot read.

    It acts when this runner builds a data loader: the workers of an iteration-based loop
    start there, before any hook runs.

    Args:
        runner (Runner): A runner whose loops are not built yet.
    """
    build = runner.build_dataloader

    def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
        try:
            loader = build(*args, **kwargs)
        except Exception as error:
            reason = describe_loading_error(error)
            if reason is None:
                raise
            raise UserError(reason) from error
        dataset = getattr(loader, 'dataset', None)
        on_main_rank(lambda: check_listed_files(dataset))
        for leaf in iter_datasets(dataset):
            _wrap_pipeline(leaf)
        return loader

    runner.build_dataloader = build_dataloader


def _wrap_pipeline(dataset: Any) -> None:
    pipeline = getattr(dataset, 'pipeline', None)
    if pipeline is None or type(pipeline) is not Compose:
        return
    dataset.pipeline = FileReportingCompose(pipeline)
    for step in pipeline.transforms:
        subroutines = getattr(step, 'subroutines', None)  # of test-time augmentation
        if isinstance(subroutines, list):
            step.subroutines = [FileReportingCompose(inner) for inner in subroutines]


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
