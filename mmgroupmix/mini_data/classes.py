"""Names and colours of the mini data sets' classes.

The classes are named for what they are: segmentation knows the background and the ten
digits, detection and classification the ten digits.
"""

from .recipe import check_int

# Ten hues that stay apart when they lie over a photograph.
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
DET_CLASSES = tuple(f'digit {digit}' for digit in range(10))

SEG_PALETTE = ((80, 80, 80), *DET_PALETTE)
SEG_CLASSES = ('background', *DET_CLASSES)

UNUSED_COLOUR = (128, 128, 128)


def mini_metainfo(task, num_classes=None):
    """The ``metainfo`` with which a toolbox's dataset class reads a mini data set.

    Args:
        task (str): 'seg', 'det' or 'cls'.
        num_classes (int, optional): The number of outputs of the model, as given to
            the writer of the data set. With fewer than the full list, the first
            ``num_classes`` names remain. With more, 'det' gets further names
            ('unused 10', ...), since ``CocoMetric`` must find a category for every
            label that a head can predict; 'seg' and 'cls' keep the full list, since
            ``IoUMetric`` and ``Accuracy`` need no name for an output that never wins,
            and mmpretrain wants exactly one folder a class. Default: the full list.

    Returns:
        dict: ``classes`` (tuple[str]) and ``palette`` (list[tuple[int, int, int]],
        RGB, 0 to 255), of the same length.

    Raises:
        ValueError: If the task is unknown or ``num_classes`` is too small.
    """
    tables = {
        'seg': (SEG_CLASSES, SEG_PALETTE, 2),
        'det': (DET_CLASSES, DET_PALETTE, 1),
        'cls': (DET_CLASSES, DET_PALETTE, 1),
    }
    if task not in tables:
        raise ValueError(f'task is {task!r}; it must be one of {", ".join(tables)}')
    classes, palette, fewest = tables[task]
    if num_classes is None:
        num_classes = len(classes)
    num_classes = check_int('num_classes', num_classes, fewest)
    unused = range(len(classes), num_classes if task == 'det' else 0)
    return dict(
        classes=classes[:num_classes] + tuple(f'unused {index}' for index in unused),
        palette=list(palette[:num_classes]) + [UNUSED_COLOUR] * len(unused),
    )
