"""mmengine's loading of checkpoints, through the reader of this package.

mmengine, and with it every toolbox, reads a file that PyTorch refuses once more, without
the protection; resuming and inference execute configs that are in the file. Its functions
are replaced here, so that ``init_cfg`` of any model, ``load_from``, resuming, testing and
inference read a checkpoint as data.
"""

import functools
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from mmengine.runner import CheckpointLoader, FlexibleRunner, Runner
from mmengine.runner import _flexible_runner as mmengine_flexible_runner
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import runner as mmengine_runner

from ..compat.after_import import call_after_import
from ..errors import CheckpointError
from .downloads import described_as_copy, download
from .inert_objects import drop_inert
from .inert_pickle import is_inert
from .optimizer_states import checked_optimizers
from .reading import OUTER_LEVELS, load_file, unwrap
from .resuming import ADVICE, check_resumable, check_shapes, restrict_paths
from .trust import is_trusting

#: The runner that resumes a training.
_resuming: ContextVar[Any] = ContextVar('_resuming', default=None)


def install_loader() -> None:
    """Let mmengine load checkpoints through this package; may be repeated."""
    if isinstance(mmengine_checkpoint.torch, _TorchWithReader):
        return
    # What mmengine's loaders of other schemes call: files of a cluster's storage, of
    # openmmlab:// below MMENGINE_HOME, and so on.
    mmengine_checkpoint.torch = _TorchWithReader('torch')
    mmengine_checkpoint._safe_torch_load = _read
    mmengine_checkpoint.load_url = _load_url
    for prefixes, loader in (
        ('', load_from_local),
        (('http://', 'https://'), load_from_http),
    ):
        setattr(mmengine_checkpoint, loader.__name__, loader)
        CheckpointLoader.register_scheme(prefixes=prefixes, loader=loader, force=True)
    find_latest = _relative_to_folder(mmengine_checkpoint.find_latest_checkpoint)
    for module in (
        mmengine_checkpoint,
        mmengine_runner,
        mmengine_flexible_runner,
        sys.modules['mmengine.runner'],
    ):
        setattr(module, find_latest.__name__, find_latest)
    for runner in (Runner, FlexibleRunner):
        runner.resume = _checked_resume(runner.resume)
        runner.load_checkpoint = _with_file_named(runner.load_checkpoint)
    call_after_import('mmengine.infer.infer', _protect_inferencers)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Load a file; it replaces mmengine's function of this name."""
    return prepare_content(load_file(Path(filename), map_location), filename)


def load_from_http(
    filename: str,
    map_location: Any = None,
    model_dir: str | None = None,
    progress: bool = True,
) -> Any:
    """Download and load a file; it replaces mmengine's function of this name."""
    path = download(filename, model_dir)
    with described_as_copy(filename):
        return load_from_local(str(path), map_location)


def prepare_content(content: Any, origin: str) -> Any:
    """Prepare the content of a checkpoint for mmengine, in place.

    Args:
        content (Any): What a file holds.
        origin (str): The file, for messages.

    Returns:
        Any: The content, without objects that were not loaded, and without the config in
        ``meta``, which mmengine would execute.

    Raises:
        CheckpointError: If it holds no named tensors, or is to be resumed and cannot.
    """
    if is_trusting():
        return content
    weights = content.get('state_dict', content) if isinstance(content, dict) else None
    if (
        is_inert(content)
        or not isinstance(weights, dict)
        or not all(isinstance(key, str) for key in weights)
    ):
        raise CheckpointError(
            f'{origin} does not hold the weights of a model: expected a dict of names to '
            'tensors, alone or as "state_dict".'
        )
    if isinstance(content.get('meta'), dict):
        content['meta'].pop('config', None)
    if any(isinstance(content.get(level), dict) for level in OUTER_LEVELS[1:]):
        # mmengine looks for them at the top level and below 'state_dict' only.
        content.setdefault('state_dict', unwrap(content, origin))
    runner = _resuming.get()
    if runner is not None:
        check_resumable(content, origin)
        if isinstance(getattr(runner, 'model', None), torch.nn.Module):
            check_shapes(content, runner.model, f'Cannot resume from {origin}', ADVICE)
        restrict_paths(content, os.path.dirname(origin))
    drop_inert(content)
    return content


def _read(file: Any, map_location: Any = None, **_: Any) -> Any:
    """Read a path or an open file, as ``torch.load`` does."""
    if isinstance(file, (str, os.PathLike)):
        return load_from_local(str(file), map_location)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'checkpoint.pth'
        path.write_bytes(file.read())
        return load_from_local(str(path), map_location)


def _load_url(
    url: str, model_dir: str | None = None, map_location: Any = None, **_: Any
) -> Any:
    return load_from_http(url, map_location, model_dir)


def _relative_to_folder(find_latest: Callable) -> Callable:
    """Let a relative path in ``last_checkpoint`` count from the work directory."""

    @functools.wraps(find_latest)
    def find(path: str) -> str | None:
        name = find_latest(path)
        inside = os.path.join(path, name or '')
        return inside if os.path.isfile(inside) else name

    return find


class _TorchWithReader(ModuleType):
    """The module ``torch``, with another ``load``."""

    load = staticmethod(_read)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def _checked_resume(resume: Callable) -> Callable:

    @functools.wraps(resume)
    def checked(self: Any, *args: Any, **options: Any) -> Any:
        origin = options.get('filename', args[0] if args else '')
        token = _resuming.set(self)
        try:
            with checked_optimizers(self, str(origin)):
                return resume(self, *args, **options)
        finally:
            _resuming.reset(token)

    return checked


def _with_file_named(load_checkpoint: Callable) -> Callable:
    """Name the file in the errors of a model, which does not know it."""

    @functools.wraps(load_checkpoint)
    def named(self: Any, filename: str, *args: Any, **options: Any) -> Any:
        try:
            return load_checkpoint(self, filename, *args, **options)
        except CheckpointError as error:
            if str(filename) in str(error):
                raise
            raise CheckpointError(
                f'{filename} does not fit the model: {error}'
            ) from error

    return named


def _protect_inferencers(module: ModuleType) -> None:
    """Keep inferencers from executing a config that stands in a checkpoint."""
    inferencer = module.BaseInferencer
    init_model = inferencer._init_model

    @functools.wraps(init_model)
    def checked(
        self: Any, cfg: Mapping, weights: str | None, *args: Any, **options: Any
    ) -> Any:
        if not cfg and weights is not None and not is_trusting():
            raise CheckpointError(
                f'{weights} is given without a config, and the one in the file would be '
                'run as a program. Give a config file as model=..., or use '
                'mmgroupmix.trust_checkpoints() if you know where the file comes from.'
            )
        return init_model(self, cfg, weights, *args, **options)

    inferencer._init_model = checked
