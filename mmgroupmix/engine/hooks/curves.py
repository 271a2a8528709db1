"""Loss and metric curves of a run, read from the scalars that mmengine logs."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = list[tuple[int, float]]


class Metric(NamedTuple):
    """A metric of the toolboxes.

    Attributes:
        key (str): Its name in the log.
        label (str): Its name for the user.
        factor (int): What the logged value is multiplied by to be in its unit.
        unit (str): Defaults to ' (%)'.
    """

    key: str
    label: str
    factor: int
    unit: str = ' (%)'


METRICS = (
    Metric('mIoU', 'mIoU', 1),
    Metric('coco/bbox_mAP', 'box AP', 100),
    Metric('coco/segm_mAP', 'mask AP', 100),
    Metric('pascal_voc/mAP', 'AP50', 100),
    Metric('accuracy/top1', 'top-1 accuracy', 1),
    Metric('mDice', 'mDice', 1),
)
#: Names of FID, which say of how many images and against which it is.
_DISTANCE = re.compile(r'(?:\w+/)?FID_\w+')


def plot_curves(
    scalars_file: str | Path | Sequence[str | Path], out_file: str | Path
) -> bool:
    """Draw the training loss and the validation metrics of a run.

    Args:
        scalars_file (str | Path | Sequence[str | Path]): ``vis_data/scalars.json`` as
            ``LocalVisBackend`` writes it; several files, in order, for a run that was
            resumed.
        out_file (str | Path): The PNG file to write.

    Returns:
        bool: Whether there was anything to draw; if not, nothing is written.
    """
    files = [scalars_file] if isinstance(scalars_file, (str, Path)) else scalars_file
    losses, metrics = read_curves(files)
    if not losses and not metrics:
        return False

    # Without pyplot, which would keep every figure and choose a display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout='constrained')
    upper, lower = figure.subplots(2, 1, sharex=True)
    _draw_loss(upper, losses)
    _draw_metrics(lower, metrics)
    lower.set_xlabel('training iteration')
    figure.savefig(out_file, dpi=120)
    return True


def read_curves(files: Sequence[str | Path]) -> tuple[Points, dict[str, Points]]:
    """Read the points of the curves.

    Args:
        files (Sequence[str | Path]): Logs of one run, in order. Where they overlap,
            because training was resumed from an earlier checkpoint, the later one counts.

    Returns:
        tuple: ``[(iteration, loss)]``, and ``{key: [(iteration, value)]}`` of the
        metrics that were logged.
    """
    losses: dict[int, float] = {}
    metrics: dict[str, dict[int, float]] = {metric.key: {} for metric in METRICS}
    for file in files:
        records = _read_records(file)
        first = next((r['step'] for r in records if 'loss' in r), None)
        if first is not None:
            for points in (losses, *metrics.values()):
                for step in [step for step in points if step >= first]:
                    del points[step]
        iteration, by_epoch = 0, False
        for record in records:
            if 'loss' in record:
                iteration, by_epoch = record['step'], 'epoch' in record
                if record['loss'] is not None:  # NaN or infinite
                    losses[iteration] = record['loss']
                continue
            # Epoch-based runs log a metric with the number of the epoch: it belongs to
            # the last iteration logged before it.
            step = iteration if by_epoch else record.get('step', iteration)
            for key in filter(_DISTANCE.fullmatch, record):
                metrics.setdefault(key, {})
            for key, points in metrics.items():
                value = record.get(key)
                # NaN and COCO's -1 are not scores: there was nothing to compare with.
                if value is not None and value >= 0:
                    points[step] = value
    return (
        sorted(losses.items()),
        {key: sorted(points.items()) for key, points in metrics.items() if points},
    )


def format_metrics(metrics: Mapping[str, Any]) -> str:
    """Format the main metrics of an evaluation.

    Args:
        metrics (Mapping[str, Any]): The result of the evaluation.

    Returns:
        str: Such as 'mIoU 41.20 %' or 'box AP 31.00 %, mask AP 28.20 %'; every number
        if none of them is a known metric.
    """
    if not metrics:
        # CocoMetric returns nothing if a detector predicted nothing; format_only
        # writes files for a server that has the labels.
        return 'no metric: nothing was predicted, or only written (format_only)'
    known = [
        _format_metric(metric, metrics[metric.key])
        for metric in METRICS
        if metric.key in metrics
    ]
    return ', '.join(known) or ', '.join(
        f'{key} undefined' if value != value else f'{key} {value:.4g}'
        for key, value in metrics.items()
        if isinstance(value, (int, float))
    )


def is_undefined(key: str, value: Any) -> bool:
    """Whether a metric says that there was nothing to compare with.

    Args:
        key (str): Its name in the log.
        value (Any): Its value: IoUMetric has NaN, and COCO's average precision and recall
            -1, for data without a single labelled object (of a size).
    """
    is_average = 'AP' in key or 'AR' in key
    return isinstance(value, (int, float)) and (
        value != value or (is_average and value == -1)
    )


def find_metrics(keys: Iterable[str]) -> list[Metric]:
    """The metrics that are drawn, of those with these names in the log."""
    keys = list(keys)
    distances = [Metric(key, key, 1, '') for key in filter(_DISTANCE.fullmatch, keys)]
    return [metric for metric in METRICS if metric.key in keys] + distances


def _format_metric(metric: Metric, value: float) -> str:
    if value >= 0:
        return f'{metric.label} {value * metric.factor:.2f} %'
    # IoUMetric has NaN, and COCO's AP -1, for data without a single labelled object.
    return f'{metric.label} undefined: no labelled objects to compare with'


def smooth(values: Sequence[float]) -> np.ndarray:
    """Average values over a centred window of a tenth of their number."""
    array = np.asarray(values, dtype=float)
    half = max(len(array) // 20, 1)
    return np.array(
        [array[max(i - half, 0) : i + half + 1].mean() for i in range(len(array))]
    )


def _read_records(file: str | Path) -> list[dict[str, Any]]:
    records = []
    for line in Path(file).read_text(encoding='utf-8').splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            # The last line of a run that was killed while writing.
            continue
    return records


def _draw_loss(axes: 'Axes', losses: Points) -> None:
    axes.set_ylabel('training loss')
    axes.grid(alpha=0.3)
    if not losses:
        return
    steps, values = zip(*losses)
    axes.plot(steps, values, color='tab:blue', alpha=0.35, linewidth=1, label='logged')
    if len(values) > 4:
        axes.plot(steps, smooth(values), color='tab:blue', linewidth=2, label='smoothed')
    axes.legend(frameon=False)


def _draw_metrics(axes: 'Axes', metrics: Mapping[str, Points]) -> None:
    axes.grid(alpha=0.3)
    shown = find_metrics(metrics)
    label = 'AP' if len(shown) > 1 else shown[0].label if shown else ''
    unit = shown[0].unit if shown else ''
    axes.set_ylabel(f'validation: {label or "no metric yet"}{unit}')
    colors = ('tab:red', 'tab:green', 'tab:gray')
    highest = 0.0
    for metric, color in zip(shown, colors):
        steps = [step for step, _ in metrics[metric.key]]
        values = [value * metric.factor for _, value in metrics[metric.key]]
        highest = max(highest, *values)
        axes.plot(
            steps, values, color=color, marker='o', label=metric.label + metric.unit
        )
        axes.annotate(
            f'{values[-1]:.1f}',
            (steps[-1], values[-1]),
            xytext=(0, 6),
            textcoords='offset points',
            ha='center',
            color=color,
        )
    if len(shown) > 1:
        axes.legend(frameon=False)
    # Room above the last value's label.
    axes.set_ylim(0, max(highest * 1.2, 1))
