"""Reports of images and annotations that cannot be read, with the name of the file.

The toolboxes' loaders name the file in some cases only: mmcv's image loader does when
OpenCV returns nothing, not when OpenCV or Pillow raises (an empty file, a truncated or
foreign label map: 'cannot identify image file <_io.BytesIO ...>').
"""

from collections.abc import Mapping
from typing import Any

from mmengine.dataset import Compose
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ..errors import UserError


class FileReportingCompose(Compose):
    """A pipeline whose loading steps report the file that they failed on.

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
            paths = {key: data.get(key) for key in ('img_path', 'seg_map_path')}
            try:
                result = transform(data)
            except Exception as error:
                name = type(transform).__name__
                if not name.startswith('Load'):
                    raise
                raise UserError(_message(name, paths, error)) from error
            if result is None:
                return None
            data = result
        return data


def report_unreadable_files(runner: Runner) -> None:
    """Let every dataset that a runner builds report the file that it cannot read.

    It acts when this runner builds a data loader: the workers of an iteration-based loop
    start there, before any hook runs.

    Args:
        runner (Runner): A runner whose loops are not built yet.
    """
    build = runner.build_dataloader

    def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
        loader = build(*args, **kwargs)
        _wrap_pipelines(getattr(loader, 'dataset', None))
        return loader

    runner.build_dataloader = build_dataloader


def _wrap_pipelines(dataset: Any) -> None:
    if dataset is None:
        return
    for inner in getattr(dataset, 'datasets', None) or []:
        _wrap_pipelines(inner)
    _wrap_pipelines(getattr(dataset, 'dataset', None))
    pipeline = getattr(dataset, 'pipeline', None)
    if type(pipeline) is Compose:
        dataset.pipeline = FileReportingCompose(pipeline)


def _message(transform: str, paths: Mapping[str, str | None], error: Exception) -> str:
    is_annotation = 'Annotation' in transform and paths['seg_map_path']
    path = paths['seg_map_path' if is_annotation else 'img_path']
    kind = 'annotation' if 'Annotation' in transform else 'image'
    reason = ' '.join(str(error).split()) or type(error).__name__
    return (
        f'cannot read the {kind} {path or "of a sample without a path"} ({transform}: '
        f'{reason}). Replace the file, or remove it from the dataset.'
    )
