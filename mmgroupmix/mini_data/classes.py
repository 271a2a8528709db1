"""Class names and colours of the mini datasets.

Detection and classification have the ten digits as classes; segmentation has the
background in addition.
"""

from typing import Any

from ..arguments import check_int
from ..errors import UserError
from .recipe import NUM_DIGITS

# Ten hues that remain distinct when drawn over a photograph.
DET_PALETTE = (
    (230, 25, 75),
    (60, 180, 75),
    (255, 225, 25),
    (0, 130, 200),
    (245, 130, 48),
    (145, 30, 180),
    (70, 240, 240),
    (240, 50, 230),
    (170, 110, 40),
    (210, 245, 60),
)
DET_CLASSES = tuple(f'digit {digit}' for digit in range(NUM_DIGITS))

SEG_PALETTE = ((80, 80, 80), *DET_PALETTE)
SEG_CLASSES = ('background', *DET_CLASSES)

#: Parts of the reliefs, in the order of their labels.
PART_CLASSES = tuple(
    f'{name} {part}' for name in DET_CLASSES for part in ('ground', 'stroke')
)

UNUSED_COLOR = (128, 128, 128)


def mini_metainfo(layout: str, num_classes: int | None = None) -> dict[str, Any]:
    """Return the ``metainfo`` with which a toolbox's dataset class reads a mini dataset.

    Args:
        layout (str): 'ade20k', 'coco', 'imagenet', 'digits', 'modelnet40' or
            'shapenetpart'.
        num_classes (int | None): Number of outputs of the model, as given to the
            writer of the dataset. If there are fewer outputs than classes, the first
            ``num_classes`` names are returned. If there are more, 'coco' is extended
            by further names ('unused 10', ...), because ``CocoMetric`` needs a
            category for every label that a head can predict. The other two keep their
            full list: ``IoUMetric`` and ``Accuracy`` need no name for an output that is
            never the best, and mmpretrain expects exactly one folder per class.
            Defaults to None, which is the full list.

    Returns:
        dict: ``classes`` (tuple[str, ...]) and ``palette`` (list[tuple[int, int, int]],
        RGB, 0 to 255), of the same length.

    Raises:
        TypeError: If ``num_classes`` is not an integer.
        ValueError: If the layout is unknown or ``num_classes`` is too small.
    """
    tables = {
        'ade20k': (SEG_CLASSES, SEG_PALETTE, 2),
        'coco': (DET_CLASSES, DET_PALETTE, 1),
        'imagenet': (DET_CLASSES, DET_PALETTE, 1),
        'digits': (DET_CLASSES, DET_PALETTE, 1),
        'modelnet40': (DET_CLASSES, DET_PALETTE, 1),
        'shapenetpart': (PART_CLASSES, DET_PALETTE * 2, 2),
    }
    if layout not in tables:
        raise UserError(
            f'layout={layout!r}, expected one of {", ".join(map(repr, tables))}.'
        )
    classes, palette, minimum = tables[layout]
    if num_classes is None:
        num_classes = len(classes)
    num_classes = check_int('num_classes', num_classes, minimum)
    unused = range(len(classes), num_classes if layout == 'coco' else 0)
    return dict(
        classes=classes[:num_classes] + tuple(f'unused {index}' for index in unused),
        palette=list(palette[:num_classes]) + [UNUSED_COLOR] * len(unused),
    )
