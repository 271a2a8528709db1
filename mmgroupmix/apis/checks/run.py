"""All checks of a run before its first step, in one report."""

from collections.abc import Sequence
from functools import partial

from mmengine.config import Config
from mmengine.registry import DefaultScope

from ...checks import get_skipped_checks
from ..config.generation import list_ignored_keys
from ..config.main_rank import on_main_rank
from ..config.mistakes import MistakeReport
from ..config.preflight import check_files, check_mixed_precision, check_sizes
from ..data_scan import DataScan, format_scan, scan_data
from ..tasks import CLASSIFICATION, Task
from .heads import check_classifier, check_heads, check_panoptic
from .loops import (
    check_batch_norm,
    check_loaders,
    check_loggers,
    check_loops,
    check_optimizer,
)
from .names import check_stated_names, get_class_names, iter_metainfo
from .scores import check_score_names


def check_run(
    cfg: Config, task: Task, modes: Sequence[str], everything: bool = False
) -> list[DataScan]:
    """Check a config and its data, and print what was found.

    The first process of a job does so, while the others wait.

    Args:
        cfg (Config): The config.
        task (Task): Its task.
        modes (Sequence[str]): 'train', 'val' or 'test': the loops that will run.
        everything (bool): Whether to look at every image. Defaults to False.

    Returns:
        list[DataScan]: What is in the data.

    Raises:
        UserError: With everything that keeps the run from being right.
    """

    def check_and_print() -> list[DataScan]:
        report, rows = find_mistakes(cfg, task, modes, everything)
        if rows:
            print(f'\n{format_scan(rows)}\n', flush=True)
        report.print_warnings()
        report.raise_errors()
        return rows

    return on_main_rank(check_and_print)


def find_mistakes(
    cfg: Config, task: Task, modes: Sequence[str], everything: bool = False
) -> tuple[MistakeReport, list[DataScan]]:
    """Check a config and its data.

    Args:
        cfg, task, modes, everything: As for :func:`check_run`.

    Returns:
        tuple[MistakeReport, list[DataScan]]: All mistakes, and what is in the data.
    """
    report = MistakeReport(get_skipped_checks(cfg))
    loaders = [f'{mode}_dataloader' for mode in modes]
    if 'train' in modes:
        report.collect(lambda: check_mixed_precision(cfg))
    report.collect(lambda: check_sizes(cfg, loaders))
    check_loops(cfg, 'train' in modes, report)
    check_loaders(cfg, loaders, report)
    check_loggers(cfg, report)
    for text in list_ignored_keys(cfg):
        report.add_warning('old-keys', text)
    check_classifier(cfg, task, report)
    if 'train' in modes:
        check_score_names(cfg, report)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or task.toolbox):
        if 'train' in modes:
            check_optimizer(cfg, report)
        stated = dict(iter_metainfo(cfg, loaders))
    wrong = check_stated_names(stated, report, may_be_none=task is CLASSIFICATION)
    present = [
        loader
        for loader in loaders
        if report.collect(partial(check_files, cfg, [loader]))
        and not any(place.startswith(loader) for place in wrong)
    ]
    rows = scan_data(
        cfg,
        present,
        report,
        task=task,
        everything=everything,
        counts='data-scan' not in report.skipped and not cfg.get('demo'),
    )
    classes = get_class_names(stated)
    for row in rows:  # of class folders, or of a file whose names are the classes
        if row.unit != 'pixels' and row.classes and row.place not in wrong:
            classes.setdefault(row.place, tuple(row.classes))
    largest = {
        row.place: row.largest
        for row in rows
        if row.largest is not None and row.scanned == row.images and not row.errors
    }
    check_heads(cfg, task, classes, report, largest)
    check_panoptic(cfg, stated, report)
    if 'train' in modes:
        check_batch_norm(cfg, rows, report)
    return report, rows
