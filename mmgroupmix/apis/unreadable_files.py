"""Reports of images and annotations that cannot be used, with the name of the file.

The toolboxes' loaders name the file in some cases only: mmcv's image loader does when
OpenCV returns nothing, not when OpenCV or Pillow raises (an empty file, a truncated or
foreign label map: 'cannot identify image file <_io.BytesIO ...>').
"""

import copy
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import Compose
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ..engine.input_channels import ChannelCheck, ChannelMismatchError, count_channels
from ..engine.random_states import seeded_cpu
from ..errors import UserError
from .config.main_rank import on_main_rank
from .dataset_files import check_listed_files, describe_loading_error, iter_datasets
from .label_maps import find_misfit, find_unsafe_annotation

#: What transforms raise for an image that they cannot work on.
IMAGE_ERRORS = (cv2.error, AssertionError, IndexError, TypeError, ValueError)


class FileReportingCompose(Compose):
    """A pipeline whose loading steps report the file that they failed on.

    Masks and label maps are checked on the way: native code crashes on some, and others
    would be misread in silence. So are the channels of what comes out.

    Args:
        pipeline (Compose): The dataset's pipeline, whose transforms are used unchanged.
        channels (ChannelCheck, optional): What the model takes. Defaults to None: not
            checked.
    """

    def __init__(self, pipeline: Compose, channels: ChannelCheck | None = None):
        self.transforms = pipeline.transforms
        self.channels = channels

    def __call__(self, data: dict) -> dict | None:
        """Apply the transforms.

        Raises:
            UserError: If a loading step fails, or one on an image that is not in colour,
                or the model cannot take the result; with the name of the file.
        """
        path = data.get('img_path')
        for transform in self.transforms:
            name = type(transform).__name__
            result = (
                _load(transform, name, data)
                if name.startswith('Load')
                else _transform(transform, name, data)
            )
            if result is None:
                return None
            data = result
        if self.channels:
            self.channels.check(data, f'the image {path or "of a sample without path"}')
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


def _transform(transform: Callable, name: str, data: dict) -> dict | None:
    image = data.get('img')
    if not isinstance(image, np.ndarray) or image.ndim not in (2, 3):
        return transform(data)
    number = 1 if image.ndim == 2 else image.shape[-1]
    path = data.get('img_path')
    try:
        return transform(data)
    except IMAGE_ERRORS as error:
        if number == 3 or isinstance(error, UserError):
            raise
        raise UserError(
            f'{name} fails on the image {path}, which has {count_channels(number)} '
            f'({type(error).__name__}: {_describe_error(error)}). Remove it from the '
            "pipeline if it is for colour images only, or read with color_type='color'."
        ) from error


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
        cfg, model = (getattr(runner, name, None) for name in ('cfg', 'model'))
        channels = ChannelCheck(model, cfg or {})
        leaves = list(iter_datasets(dataset))
        for leaf in leaves:
            _wrap_pipeline(leaf, channels)
        on_main_rank(lambda: _try_samples(leaves))
        return loader

    runner.build_dataloader = build_dataloader


def _try_samples(datasets: Iterable[Any]) -> None:
    """Compare the channels of an image of each dataset, before any step is taken.

    Raises:
        ChannelMismatchError: If the model cannot take it.
    """
    for dataset in datasets:
        try:
            # A copy, as some steps keep the images that they have seen.
            pipeline = copy.deepcopy(dataset.pipeline)
            with seeded_cpu(0):
                pipeline(dataset.get_data_info(0))
        except ChannelMismatchError:
            raise
        except Exception:
            continue  # whatever it is, the run reports it


def _wrap_pipeline(dataset: Any, channels: ChannelCheck | None = None) -> None:
    pipeline = getattr(dataset, 'pipeline', None)
    if pipeline is None or type(pipeline) is not Compose:
        return
    dataset.pipeline = FileReportingCompose(pipeline, channels)
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
