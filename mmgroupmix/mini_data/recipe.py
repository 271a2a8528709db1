"""The arguments that determine a mini dataset, checked and documented in one place."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from ..arguments import check_int
from ..errors import UserError

Split = Literal['train', 'val']
ImageFormat = Literal['jpeg', 'png', 'tiff']
SPLITS: tuple[Split, ...] = get_args(Split)

# Increase this whenever the same arguments produce other files than before.
VERSION = 1

NUM_DIGITS = 10


@dataclass(frozen=True, kw_only=True)
class MiniDatasetRecipe:
    """The arguments of a mini dataset. Equal recipes give identical files.

    The writers take all of them but ``layout`` as keyword arguments.

    Args:
        layout (str): 'ade20k', 'coco', 'imagenet' or 'digits'.
        num_train (int): Number of training images. At least 1; with 'imagenet' and
            'digits' at least one per class.
        num_val (int): Number of validation images, as for ``num_train``.
        num_classes (int): Number of outputs of the model. With fewer outputs than
            classes, only the first classes occur. With more, 'coco' lists additional
            categories ('unused 10', ...) without objects, and the other two keep their
            full list: 'ade20k' has 11 classes, the first of which is the background,
            and 'imagenet' has 10, because mmpretrain expects exactly one folder per
            class and images in each of them.
        min_size (int): Minimum height and width of an image in pixels, at least 32.
        max_size (int): Maximum height and width of an image in pixels.
        seed (int): Seed of all random choices.
        num_channels (int): Channels of the images: 1 is grey, 2 to n are R, G, B, R, ...
            in turn.
        image_format (str): 'jpeg' (1 or 3 channels), 'png' (up to 4) or 'tiff' (any
            number, by the library tifffile).

    Raises:
        TypeError: If one of the numbers is not an integer.
        ValueError: If one of the numbers is out of range.
    """

    layout: str
    num_train: int
    num_val: int
    num_classes: int
    min_size: int
    max_size: int
    seed: int
    num_channels: int = 3
    image_format: ImageFormat = 'jpeg'

    def __post_init__(self) -> None:
        num_background = 1 if self.layout == 'ade20k' else 0
        self._check('num_classes', num_background + 1)
        if self.layout != 'coco':
            limit = num_background + NUM_DIGITS
            object.__setattr__(self, 'num_classes', min(self.num_classes, limit))

        one_per_class = self.layout in ('imagenet', 'digits')
        minimum = self.num_digits if one_per_class else 1
        hint = 'Give at least one image per class.' if one_per_class else ''
        self._check('num_train', minimum, hint)
        self._check('num_val', minimum, hint)

        # The last stage of the backbones has a stride of 32 pixels.
        self._check('min_size', 32)
        self._check('max_size', 32)
        self._check('seed', 0)
        self._check('num_channels', 1)
        channels = dict(jpeg=(1, 3), png=(1, 2, 3, 4)).get(self.image_format)
        if channels and self.num_channels not in channels:
            raise UserError(
                f'num_channels={self.num_channels}, expected {channels} with '
                f'image_format={self.image_format!r}.'
            )
        if self.max_size < self.min_size:
            raise UserError(
                f'max_size={self.max_size}, expected an integer of at least '
                f'min_size={self.min_size}.'
            )

    def _check(self, name: str, minimum: int, hint: str = '') -> None:
        """Check an argument and replace other integer types by int."""
        number = check_int(name, getattr(self, name), minimum, hint)
        object.__setattr__(self, name, number)

    @property
    def num_digits(self) -> int:
        """Number of digits that occur: 0 to ``num_digits - 1``."""
        digits = self.num_classes - (1 if self.layout == 'ade20k' else 0)
        return min(digits, NUM_DIGITS)

    def num_images(self, split: Split) -> int:
        """Return the number of images of a split."""
        return {'train': self.num_train, 'val': self.num_val}[split]

    def to_manifest(self) -> dict[str, Any]:
        """Return what the folder of the dataset states about itself."""
        arguments = asdict(self)
        # Datasets of before these arguments are still the same.
        if self.num_channels == 3 and self.image_format == 'jpeg':
            del arguments['num_channels'], arguments['image_format']
        return dict(version=VERSION, kind=arguments.pop('layout'), **arguments)
