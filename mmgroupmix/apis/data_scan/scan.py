"""A scan of the data of a run, before the first step: one row for each dataset."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout

from mmengine.config import Config
from mmengine.registry import DefaultScope

from ..config.annotation_files import group_coco_uses
from ..config.mistakes import MistakeReport
from ..config.preflight import DOWNLOADED_DATASETS
from ..config.tree import as_list, is_remote, leaf_datasets, type_name
from ..tasks import Task, infer_task
from .built import build_dataset, compare_folders, scan_built
from .coco import ScanOptions, scan_coco_files
from .labels import find_allowed_labels
from .panoptic import find_panoptic_mistakes
from .rows import DataScan

LOADERS = ('train_dataloader', 'val_dataloader')


def scan_data(
    cfg: Config,
    loaders: Sequence[str] = LOADERS,
    report: MistakeReport | None = None,
    *,
    task: Task | None = None,
    everything: bool = False,
    counts: bool = True,
) -> list[DataScan]:
    """Read the annotations of a run: count labels, compare names and sizes.

    Args:
        cfg (Config): The config.
        loaders (Sequence[str]): Names of the data loaders that will be used. Defaults to
            those of a training.
        report (MistakeReport, optional): Receives errors and warnings; they are in the
            rows as well. Defaults to None.
        task (Task, optional): Defaults to the config's.
        everything (bool): Whether to look at every image and label map, not at a sample.
            Defaults to False.
        counts (bool): Whether to count and compare at all, and not only to check what
            would stop or crash a toolbox. Defaults to True.

    Returns:
        list[DataScan]: A row for each dataset whose kind is known.
    """
    report = report or MistakeReport()
    task = task or infer_task(cfg)
    options = ScanOptions(everything, counts)
    scope = cfg.get('default_scope') or task.toolbox
    with DefaultScope.overwrite_default_scope(scope), redirect_stdout(io.StringIO()):
        rows = scan_coco_files(cfg, tuple(loaders), report, options)
        if counts:
            rows += _scan_others(cfg, loaders, report, task, everything)
    for row in rows:
        for check, text in row.errors:
            report.add_error(check, text)
        for check, text in row.warnings:
            report.add_warning(check, text)
    order = [loader.partition('_')[0] for loader in loaders]
    return sorted(rows, key=lambda row: order.index(row.loader))


def _needs_labels(cfg: Config, loader: str) -> bool:
    """Whether a label that the model does not have ends a run: in a loss, or a metric."""
    metrics = as_list(cfg.get(loader.replace('_dataloader', '_evaluator')))
    # These compare labels only.
    return loader == 'train_dataloader' or not all(
        type_name(metric) in ('Accuracy', 'IoUMetric') for metric in metrics
    )


def _scan_others(
    cfg: Config,
    loaders: Sequence[str],
    report: MistakeReport,
    task: Task,
    everything: bool,
) -> list[DataScan]:
    """Scan the datasets that are not in COCO's format, by building them."""
    rows, built = [], []
    files = group_coco_uses(cfg, loaders).values()
    known = {use.place for uses in files for use in uses}
    model_labels = find_allowed_labels(cfg.get('model') or {}, task)
    for loader in loaders:
        labels = model_labels._replace(stops=_needs_labels(cfg, loader))
        dataset = (cfg.get(loader) or {}).get('dataset')
        for place, leaf in leaf_datasets(dataset, f'{loader}.dataset'):
            is_downloaded = type_name(leaf) in DOWNLOADED_DATASETS
            if place in known or is_downloaded or is_remote(leaf):
                continue
            if find_panoptic_mistakes(leaf, place, report):
                continue
            instance = build_dataset(leaf, report, place)
            if instance is None:
                continue
            built.append((place, instance))
            try:
                row = scan_built(instance, leaf, place, labels, everything)
            except Exception as error:  # samples of a kind that is not known here
                reason = f'{type(error).__name__}: {error}'
                report.add_warning('data-scan', f'{place} is not scanned: {reason}')
                continue
            if row is not None:
                rows.append(row)
    compare_folders(built, report)
    return rows
