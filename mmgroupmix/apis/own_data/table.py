"""The table that shows what was recognised in a folder."""

import textwrap
from collections.abc import Mapping

import numpy as np

from .adapt_data import Reasons
from .own_data import OwnData

WIDTH = 96
#: Classes of which each has a line; of more, only the rarest.
MAX_CLASSES = 30


def format_table(
    data: OwnData,
    datasets: Mapping[str, dict],
    reasons: Reasons,
    made: str,
    config: str,
) -> str:
    """Format what was recognised and made.

    Args:
        data (OwnData): The data.
        datasets (Mapping[str, dict]): The dataset of each split.
        reasons (Reasons): What was changed and why, by place.
        made (str): The folder of lists and converted labels.
        config (str): The written config.

    Returns:
        str: Lines for the terminal.
    """
    splits = [split for split in ('train', 'val', 'test') if split in data.splits]
    counts = {split: data.count_classes(data.splits[split]) for split in splits}
    lines = [*_entry('data', f'{data.root}: {data.origin}'), '']
    width = max(len(name) for name in (*data.classes, 'classes'))
    width = min(width, 40)
    lines.append('  '.join([f'{"images":{width}}', *(f'{s:>8}' for s in splits)]))
    for label, numbers in (
        ('all', [len(data.splits[s]) for s in splits]),
        (
            'without a class',
            [sum(not data.get_labels(x) for x in data.splits[s]) for s in splits],
        ),
    ):
        cells = [f'{number:8}' for number in numbers]
        lines.append('  '.join([f'{label:{width}}', *cells]))
    lines += ['', f'{f"{data.unit} of each class":{width}}']
    order = list(range(len(data.classes)))
    if len(data.classes) > MAX_CLASSES:
        order = sorted(order, key=lambda i: counts['train'][i])[:MAX_CLASSES]
        lines[-1] += f' (the {MAX_CLASSES} rarest of {len(data.classes)} in train)'
    for i in order:
        cells = [f'{counts[s][i]:8}' for s in splits]
        lines.append('  '.join([f'{data.classes[i][:width]:{width}}', *cells]))
    lines += ['', *_entry('sizes', describe_sizes(data.measure_sizes()))]
    split = data.made_split or 'as given'
    files = ', '.join(x['ann_file'] for x in datasets.values())
    lines += _entry('split', f'{split}; {files}')
    lines += _entry('config', config)
    for place, reason in reasons.items():
        lines += _entry('changed', f'{place}: {reason}')
    for note in data.notes:
        lines += _entry('note', note)
    return '\n'.join(lines)


def describe_sizes(sizes: np.ndarray) -> str:
    """The smallest, the median and the largest size of images, for the user."""
    order = sizes[np.argsort(sizes.prod(1), kind='stable')]
    shown = [f'{w} x {h}' for w, h in (order[0], order[len(order) // 2], order[-1])]
    if len(set(shown)) == 1:
        return f'{shown[0]} pixels'
    return f'{shown[0]} to {shown[2]} pixels, half of them up to {shown[1]}'


def _entry(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f'{label:9}',
        subsequent_indent=' ' * 9,
        break_long_words=False,
        break_on_hyphens=False,
    )
