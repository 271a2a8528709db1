"""Reports of images and annotations that cannot be read, with the name of the file."""

from collections.abc import Iterator
from typing import Any

from mmengine.dataset import Compose
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ..checks import get_skipped_checks
from ..errors import UserError
from .config.main_rank import on_main_rank
from .data_scan.build_errors import TOOLBOXES, describe_build_error
from .data_scan.dataset_files import (
    SLICE,
    check_listed_files,
    iter_datasets,
    list_wrapped,
)
from .data_scan.loading import FileReportingCompose


def report_unreadable_files(runner: Runner) -> None:
    """Let every dataset that a runner builds report the file that it cannot read.

    It acts when this runner builds a data loader: the workers of an iteration-based loop
    start there, before any hook runs.

    Args:
        runner (Runner): A runner whose loops are not built yet.
    """
    build = runner.build_dataloader
    checks_labels = 'label-maps' not in get_skipped_checks(getattr(runner, 'cfg', {}))

    def build_dataloader(dataloader: Any, *args: Any, **kwargs: Any) -> DataLoader:
        place = find_place(runner, dataloader)
        try:
            loader = build(dataloader, *args, **kwargs)
        except Exception as error:
            reason = describe_build_error(error)
            if reason is None:
                raise
            raise UserError(f'{place} cannot be built: {reason}') from error
        dataset = getattr(loader, 'dataset', None)
        check_length(dataset, dataloader, place)
        check_not_empty(loader, place)
        if is_from_toolbox(find_preprocessor(runner)):
            check_pipelines(dataset, place)
        on_main_rank(lambda: check_listed_files(dataset))
        for leaf in iter_datasets(dataset):
            _wrap_pipeline(leaf, checks_labels)
        return loader

    runner.build_dataloader = build_dataloader


def find_place(runner: Runner, config: Any) -> str:
    """The name of a data loader in the config of a run, by its part of the config."""
    for mode in ('train', 'val', 'test'):
        if getattr(runner, f'_{mode}_dataloader', None) is config:
            return f'{mode}_dataloader'
    return 'a data loader'


def check_length(dataset: Any, config: Any, place: str) -> None:
    """Check that a dataset has the samples that ``num_batch_per_epoch`` asks for.

    Args:
        dataset (Any): That of a data loader.
        config (Any): The config of the loader.
        place (str): Its name, for the message.

    Raises:
        UserError: If it has fewer.
    """
    if type(dataset).__name__ != SLICE:
        return
    length, inner = len(dataset), dataset._dataset
    # A dataset of the user's own may take any index.
    if length <= len(inner) or not is_from_toolbox(inner):
        return
    number = config['num_batch_per_epoch']
    per_batch = length // number
    most = len(inner) // per_batch
    advice = f'Set it to at most {most}, or remove it' if most else 'Remove it'
    raise UserError(
        f'{place}.num_batch_per_epoch is {number}: so many batches of {per_batch} images '
        f'over all processes need {length}, and the dataset has {len(inner)}. {advice}.'
    )


def check_not_empty(loader: Any, place: str) -> None:
    """Check that a loader yields a batch: an epoch of none ends at once, in silence.

    Raises:
        UserError: If ``drop_last`` drops the only batch.
    """
    batches: Any = getattr(loader, 'batch_sampler', None)
    if getattr(batches, 'drop_last', False) and not len(loader):
        raise UserError(
            f'{place} yields no batch: batch_size is {batches.batch_size}, drop_last is '
            f'True, and each process has {len(loader.sampler)} images. Set a smaller '
            'batch_size, or drop_last=False.'
        )


def check_pipelines(dataset: Any, place: str) -> None:
    """Check that some step makes of each sample what a model of a toolbox takes.

    Args:
        dataset (Any): That of a data loader.
        place (str): The name of the loader, for the message.

    Raises:
        UserError: If a dataset of a toolbox has no steps, and neither has what wraps it.
    """
    leaves = list(iter_datasets(dataset))
    if all(is_from_toolbox(leaf) for leaf in leaves) and not any(_iter_steps(dataset)):
        raise UserError(
            f'{place}: the pipeline of the {type(leaves[0]).__name__} is empty. Expected '
            'steps that load an image and pack it for the model, such as '
            'LoadImageFromFile and PackInputs (PackDetInputs in mmdet, PackSegInputs in '
            'mmseg). Set pipeline of the dataset.'
        )


def _iter_steps(dataset: Any) -> Iterator[Any]:
    """Yield the steps of a dataset, of those that it wraps, and of the wrappers."""
    pipeline = getattr(dataset, 'pipeline', None)
    yield from getattr(pipeline, 'transforms', pipeline) or []
    for inner in list_wrapped(dataset):
        yield from _iter_steps(inner)


def find_preprocessor(runner: Runner) -> Any:
    """The data preprocessor of a runner's model, None if it has none."""
    model = getattr(runner, 'model', None)
    return getattr(getattr(model, 'module', model), 'data_preprocessor', None)


def is_from_toolbox(instance: Any) -> bool:
    """Whether a class is a toolbox's own, of which it is known what it needs."""
    return type(instance).__module__.split('.')[0] in TOOLBOXES


def _wrap_pipeline(dataset: Any, checks_labels: bool) -> None:
    pipeline = getattr(dataset, 'pipeline', None)
    if pipeline is None or type(pipeline) is not Compose:
        return
    dataset.pipeline = FileReportingCompose(pipeline, checks_labels)
    for step in pipeline.transforms:
        subroutines = getattr(step, 'subroutines', None)  # of test-time augmentation
        if isinstance(subroutines, list):
            step.subroutines = [
                FileReportingCompose(inner, checks_labels) for inner in subroutines
            ]
