"""Loss and validation metric of a run, drawn from what mmengine logged."""

import json
from pathlib import Path

import numpy as np

# (key in the log, label of the axis, factor to percent)
METRICS = (
    ('mIoU', 'mIoU (%)', 1),
    ('coco/bbox_mAP', 'box AP (%)', 100),
    ('coco/segm_mAP', 'mask AP (%)', 100),
    ('pascal_voc/mAP', 'AP50 (%)', 100),
    ('accuracy/top1', 'top-1 accuracy (%)', 1),
    ('mDice', 'mDice (%)', 1),
)


def plot_curves(scalars_file, out_file):
    """Draw the training loss and the validation metric of a run.

    Args:
        scalars_file (str | Path | Sequence[str | Path]): ``vis_data/scalars.json`` as
            ``LocalVisBackend`` writes it; several for a run that was resumed, in order.
        out_file (str | Path): The PNG to write.

    Returns:
        bool: Whether there was anything to draw; nothing is written if not.
    """
    files = [scalars_file] if isinstance(scalars_file, (str, Path)) else scalars_file
    losses, metrics = read_curves(files)
    if not losses and not metrics:
        return False

    # pyplot is left alone: it would keep every figure and choose a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout='constrained')
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    _draw_loss(above, losses)
    _draw_metrics(below, metrics)
    below.set_xlabel('training iteration')
    figure.savefig(out_file, dpi=120)
    return True


def read_curves(files):
    """Read the points of both curves.

    Args:
        files (Sequence[str | Path]): Logs of one run, in order. Where they overlap
            (training went on from a checkpoint before the end), the later one counts.

    Returns:
        tuple: ``[(iteration, loss)]`` and ``{key: [(iteration, value)]}``.
    """
    losses, metrics = {}, {key: {} for key, _, _ in METRICS}
    for file in files:
        records = _records(file)
        first = next((r['step'] for r in records if 'loss' in r), None)
        if first is not None:
            for points in (losses, *metrics.values()):
                for step in [step for step in points if step >= first]:
                    del points[step]
        now, by_epoch = 0, False
        for record in records:
            if 'loss' in record:
                now, by_epoch = record['step'], 'epoch' in record
                losses[now] = record['loss']
                continue
            # Epoch-based runs log a metric under the epoch's number: it belongs to
            # the last iteration logged before it.
            step = now if by_epoch else record.get('step', now)
            for key in metrics:
                if key in record:
                    metrics[key][step] = record[key]
    return (
        sorted(losses.items()),
        {key: sorted(points.items()) for key, points in metrics.items() if points},
    )


def headline(metrics):
    """The metrics that a person asks for, as text.

    Args:
        metrics (dict[str, float]): What an evaluation returned.

    Returns:
        str: Such as 'mIoU 41.20 %' or 'box AP 31.00 %, mask AP 28.20 %'; every metric
        if none of them is known.
    """
    if not metrics:
        # CocoMetric returns nothing where a detector predicted nothing; format_only
        # writes files for a server that has the labels.
        return 'no metric: nothing was predicted, or only written (format_only)'
    known = [
        f'{label.removesuffix(" (%)")} {metrics[key] * factor:.2f} %'
        for key, label, factor in METRICS
        if key in metrics
    ]
    return ', '.join(known) or ', '.join(
        f'{key} {value:.4g}'
        for key, value in metrics.items()
        if isinstance(value, (int, float))
    )


def smooth(values):
    """np.ndarray: Means over a centred window of a tenth of the points."""
    values = np.asarray(values, dtype=float)
    half = max(len(values) // 20, 1)
    return np.array(
        [
            values[max(index - half, 0) : index + half + 1].mean()
            for index in range(len(values))
        ]
    )


def _records(file):
    records = []
    for line in Path(file).read_text(encoding='utf-8').splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            # The last line of a run that was killed while writing.
            continue
    return records


def _draw_loss(axes, losses):
    axes.set_ylabel('training loss')
    axes.grid(alpha=0.3)
    if not losses:
        return
    steps, values = zip(*losses)
    axes.plot(steps, values, color='tab:blue', alpha=0.35, linewidth=1, label='logged')
    if len(values) > 4:
        axes.plot(steps, smooth(values), color='tab:blue', linewidth=2, label='smooth')
    axes.legend(frameon=False)


def _draw_metrics(axes, metrics):
    axes.grid(alpha=0.3)
    shown = [entry for entry in METRICS if entry[0] in metrics]
    axes.set_ylabel(
        'validation: '
        + (shown[0][1] if len(shown) == 1 else 'AP (%)' if shown else 'no metric yet')
    )
    colours = ('tab:red', 'tab:green', 'tab:gray')
    for (key, label, factor), colour in zip(shown, colours):
        steps, values = zip(*metrics[key])
        values = [value * factor for value in values]
        axes.plot(steps, values, color=colour, marker='o', label=label)
        axes.annotate(
            f'{values[-1]:.1f}',
            (steps[-1], values[-1]),
            xytext=(0, 6),
            textcoords='offset points',
            ha='center',
            color=colour,
        )
    if len(shown) > 1:
        axes.legend(frameon=False)
    # Room above the last value's label.
    highest = max(
        (value * factor for key, _, factor in shown for _, value in metrics[key]),
        default=0,
    )
    axes.set_ylim(0, max(highest * 1.2, 1))
