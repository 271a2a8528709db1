"""The names of the model index, where the toolboxes look for names.

Reason: ``mmpretrain.get_model``, ``DetInferencer`` and ``MMSegInferencer`` accept names
of models, but only know those of their own toolbox. mmpretrain has a function that adds
more. mmengine, which looks up the names for mmdet and mmseg, has none; what reads the
index of a toolbox is extended here.

Remove when a package can announce its model index to the toolboxes.
"""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ..model_index import METAFILES, find_index_folder, read_models
from .after_import import call_after_import


def add_model_names() -> None:
    """Let the toolboxes find the models of this package by name.

    Nothing is imported or read before a toolbox needs it. Without an index next to or in
    the package, the toolboxes know only their own names.
    """
    call_after_import('mmpretrain.apis.model', _add_to_mmpretrain)
    call_after_import('mmengine.infer.infer', _add_to_inferencers)


def _add_to_mmpretrain(module: ModuleType) -> None:
    folder = find_index_folder()
    if folder is not None:
        metafile = folder / METAFILES['mmpretrain']
        module.ModelHub.register_model_index(metafile, config_prefix=folder)


def _add_to_inferencers(module: ModuleType) -> None:
    inferencer = module.BaseInferencer
    read_metafiles = inferencer._get_models_from_metafile

    def read_more_metafiles(dir: str) -> Iterator[dict[str, Any]]:
        yield from read_metafiles(dir)
        for toolbox in ('mmdet', 'mmseg'):
            # A toolbox that is not imported has no inferencer that could ask.
            if toolbox in sys.modules and dir == inferencer._get_repo_or_mim_dir(toolbox):
                yield from _list_models(toolbox)

    inferencer._get_models_from_metafile = staticmethod(read_more_metafiles)


def _list_models(toolbox: str) -> Iterator[dict[str, Any]]:
    """The models of a toolbox as an inferencer of mmengine expects them."""
    folder = find_index_folder()
    for model in read_models(toolbox):
        yield dict(
            model, Config=f'{folder}/{model["Config"]}', Weights=model.get('Weights')
        )
