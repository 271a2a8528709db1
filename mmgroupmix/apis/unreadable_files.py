"""An image or annotation that cannot be read stops the run with its name.

The toolboxes' loaders name the file in some cases only: mmcv's image loader does when
OpenCV returns nothing, not when OpenCV or Pillow raises (an empty file, a truncated or
foreign label map: 'cannot identify image file <_io.BytesIO ...>').
"""

from mmengine.dataset import Compose

from ..errors import UserError


class FileReportingCompose(Compose):
    """A pipeline whose loading steps say which file they failed on.

    Args:
        pipeline (Compose): The data set's own pipeline; its transforms are used as
            they are, one ``try`` around each.
    """

    def __init__(self, pipeline):
        self.transforms = pipeline.transforms

    def __call__(self, data):
        for transform in self.transforms:
            paths = {key: data.get(key) for key in ('img_path', 'seg_map_path')}
            try:
                data = transform(data)
            except Exception as error:
                name = type(transform).__name__
                if not name.startswith('Load'):
                    raise
                raise UserError(_message(name, paths, error)) from error
            if data is None:
                return None
        return data


def report_unreadable_files(runner):
    """Let every data set that a runner builds name the file that it cannot read.

    Done on this one runner, when it builds a data loader: the workers of an
    iteration-based loop start there, before any hook runs.

    Args:
        runner (Runner): A runner whose loops are not built yet.
    """
    build = runner.build_dataloader

    def build_dataloader(*args, **kwargs):
        loader = build(*args, **kwargs)
        _wrap_pipelines(getattr(loader, 'dataset', None))
        return loader

    runner.build_dataloader = build_dataloader


def _wrap_pipelines(dataset):
    if dataset is None:
        return
    for inner in getattr(dataset, 'datasets', None) or []:
        _wrap_pipelines(inner)
    _wrap_pipelines(getattr(dataset, 'dataset', None))
    pipeline = getattr(dataset, 'pipeline', None)
    if type(pipeline) is Compose:
        dataset.pipeline = FileReportingCompose(pipeline)


def _message(transform, paths, error):
    wanted = 'seg_map_path' if 'Annotation' in transform else 'img_path'
    path = paths[wanted] or paths['img_path'] or 'a sample without a path'
    kind = 'annotation' if wanted == 'seg_map_path' else 'image'
    reason = ' '.join(str(error).split()) or type(error).__name__
    return (
        f'cannot read the {kind} {path} ({transform}: {reason}). Replace the file, or '
        'remove it from the data set.'
    )
