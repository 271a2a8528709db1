"""The toolboxes' inferencers, made to read images as the test pipeline of a config does.

mmpretrain's reads every file in colour, and those of mmdetection and mmsegmentation take
an array as it is, whatever the config's pipeline makes of a file.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from ..compat.after_import import call_after_import
from .image_reading import ImageReader, ReadingPipeline, build_reader
from .input_channels import ChannelCheck


def install_reading() -> None:
    """Let all inferencers read by the pipelines of their configs; may be repeated."""
    call_after_import('mmengine.infer.infer', _patch_base)
    call_after_import('mmpretrain.apis.image_classification', _patch_classification)


def read_images(inferencer: Any, cfg: Any, reader: ImageReader | None = None) -> None:
    """Let an inferencer read images, of files and of Python, as its test pipeline does.

    Args:
        inferencer (BaseInferencer): That of a toolbox, changed in place.
        cfg (Config): Its config.
        reader (ImageReader, optional): Defaults to None: that of the test pipeline.
    """
    if reader is None:
        dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
        reader = build_reader(dataset.get('pipeline') or [], cfg.get('default_scope'))
    channels = ChannelCheck(inferencer.model, cfg, hint='')
    inferencer.reader = reader
    if type(inferencer).__module__.startswith('mmpretrain.'):
        inferencer.preprocess = functools.partial(_read_batches, inferencer, channels)
        return
    pipeline = inferencer.pipeline
    pipeline = getattr(pipeline, 'pipeline', pipeline)  # without an earlier reader
    inferencer.pipeline = ReadingPipeline(pipeline, reader, channels)


def _read_batches(
    inferencer: Any, channels: ChannelCheck, inputs: Iterable, batch_size: int = 1
) -> Iterator:
    """Read images, and make batches as mmpretrain's inferencer does."""
    images = map(inferencer.reader.read_or_convert, inputs)
    for batch in type(inferencer).preprocess(inferencer, images, batch_size):
        channels.check(dict(inputs=batch['inputs'][0]), 'the image')
        yield batch


def _patch_base(module: ModuleType) -> None:
    def read(inferencer: Any) -> None:
        if isinstance(getattr(inferencer.cfg, 'model', None), dict) and callable(
            getattr(inferencer, 'pipeline', None)
        ):
            read_images(inferencer, inferencer.cfg)

    _call_after_init(module.BaseInferencer, read)


def _patch_classification(module: ModuleType) -> None:
    _call_after_init(
        module.ImageClassificationInferencer,
        lambda inferencer: read_images(inferencer, inferencer.config),
    )


def _call_after_init(kind: Any, function: Callable[[Any], None]) -> None:
    initialize = kind.__init__
    if hasattr(initialize, 'reads_images'):
        return

    @functools.wraps(initialize)
    def initialize_and_call(self: Any, *args: Any, **options: Any) -> None:
        initialize(self, *args, **options)
        function(self)

    initialize_and_call.reads_images = True  # type: ignore[attr-defined]
    kind.__init__ = initialize_and_call
