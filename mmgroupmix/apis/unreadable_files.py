"""Reports of images and annotations that cannot be read, with the name of the file."""

from typing import Any

from mmengine.dataset import Compose
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ..checks import get_skipped_checks
from ..errors import UserError
from .config.main_rank import on_main_rank
from .data_scan.dataset_files import (
    check_listed_files,
    describe_loading_error,
    iter_datasets,
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
            _wrap_pipeline(leaf, checks_labels)
        return loader

    runner.build_dataloader = build_dataloader


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
