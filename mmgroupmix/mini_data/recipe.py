"""What fully determines a mini data set: its layout and the arguments of its writer."""

import operator
from dataclasses import asdict, dataclass

# Raised whenever the same arguments would draw other pictures than before.
VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """The arguments of one mini data set, checked.

    Attributes:
        kind (str): 'ade20k', 'coco' or 'imagenet'.
        num_train (int): Training images.
        num_val (int): Validation images.
        num_classes (int): Classes of the layout, see the writer of each.
        min_size (int): Shortest side of an image, in pixels.
        max_size (int): Longest side of an image, in pixels.
        seed (int): Seed of every random choice.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If a number is out of range.
    """

    kind: str
    num_train: int
    num_val: int
    num_classes: int
    min_size: int
    max_size: int
    seed: int

    def __post_init__(self):
        fewest_classes = 2 if self.kind == 'ade20k' else 1
        # A class folder without an image is an error to whoever reads it.
        fewest_images = self.num_digits if self.kind == 'imagenet' else 1
        # Below 32 pixels a side, no backbone here has a last stage to speak of.
        lowest = dict(
            num_classes=fewest_classes,
            num_train=fewest_images,
            num_val=fewest_images,
            min_size=32,
            max_size=32,
            seed=0,
        )
        for name, least in lowest.items():
            number = check_int(name, getattr(self, name), least)
            object.__setattr__(self, name, number)
        if self.max_size < self.min_size:
            raise ValueError(
                f'max_size is {self.max_size}, less than min_size={self.min_size}; '
                'give a max_size of at least min_size'
            )

    @property
    def num_digits(self):
        """int: Digits 0 to ``num_digits - 1`` occur in the images."""
        digits = self.num_classes - (1 if self.kind == 'ade20k' else 0)
        return min(digits, 10)

    def num_images(self, split):
        """int: Images of the split 'train' or 'val'."""
        return {'train': self.num_train, 'val': self.num_val}[split]

    def manifest(self):
        """dict: What the folder of the data set says about itself."""
        return dict(version=VERSION, **asdict(self))


def check_int(name, value, least):
    """Check one argument.

    Args:
        name (str): Its name, for the message.
        value (int): Its value; any integer type.
        least (int): The smallest value allowed.

    Returns:
        int: The value as a plain int.

    Raises:
        TypeError: If the value is not a whole number.
        ValueError: If it is less than ``least``.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f'{name} is {value!r}; it must be a whole number of at least {least}'
        ) from None
    if number < least:
        raise ValueError(f'{name} is {number}; it must be {least} or more')
    return number
