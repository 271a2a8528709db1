"""Scenes: coloured handwritten digits on crops of photographs."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .glyphs import draw_glyph
from .recipe import NUM_DIGITS, SPLITS, MiniDatasetRecipe, Split
from .sources import load_sources

JPEG_QUALITY = 95
#: Suffixes of the formats beside JPEG, whose suffix is that of the layout.
SUFFIXES = dict(png='.png', tiff='.tif')
# Share of a digit's area that must remain visible when later digits cover it.
MIN_VISIBLE_SHARE = 0.8
PLACEMENT_TRIES = 20
TINT_TRIES = 12
HUES = 180  # OpenCV stores hues in units of two degrees
# Half the distance between two classes, so that neighbouring ranges of hues just meet.
HUE_SPREAD = 9
# The smallest distance in OpenCV's 8-bit CIELAB at which two colours differ clearly.
MIN_TINT_DISTANCE = 60


@dataclass
class Instance:
    """A digit of a scene.

    Attributes:
        digit (int): Its value, 0 to 9.
        mask (np.ndarray): Its visible pixels, (H, W), bool.
        drawn_area (int): Number of its pixels before other digits covered some of them.
    """

    digit: int
    mask: np.ndarray
    drawn_area: int


@dataclass
class Scene:
    """An image and the digits in it.

    Attributes:
        image (np.ndarray): RGB image, (H, W, 3), uint8.
        instances (list[Instance]): The digits from the bottom to the top. Their masks do
            not overlap.
    """

    image: np.ndarray
    instances: list[Instance] = field(default_factory=list)

    def draw_label_map(self) -> np.ndarray:
        """Return 0 for the background and digit + 1 elsewhere, (H, W), uint8."""
        labels = np.zeros(self.image.shape[:2], np.uint8)
        for instance in self.instances:
            labels[instance.mask] = instance.digit + 1
        return labels

    def write_image(self, path: Path, recipe: MiniDatasetRecipe) -> str:
        """Write the image with the channels and in the format of a recipe.

        Args:
            path (Path): A file whose suffix, of JPEG, the other formats replace.
            recipe (MiniDatasetRecipe): The recipe.

        Returns:
            str: The name of the file.
        """
        image = self.image
        if recipe.num_channels == 1:
            image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        elif recipe.num_channels != 3:
            image = image[..., np.arange(recipe.num_channels) % 3]
        path = path.with_suffix(SUFFIXES.get(recipe.image_format, path.suffix))
        if recipe.image_format == 'tiff':
            from tifffile import imwrite

            # Without this, few bands are taken for colours and many for pages.
            imwrite(path, image, photometric='minisblack', planarconfig='contig')
        elif recipe.image_format == 'png':
            Image.fromarray(image).save(path)  # Pillow names two channels LA
        else:
            bgr = image[..., ::-1] if image.ndim == 3 else image
            quality = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
            _, encoded = cv2.imencode('.jpg', bgr, quality)
            path.write_bytes(encoded.tobytes())
        return path.name


@dataclass(frozen=True)
class Composition:
    """Number and size of the digits in a scene.

    Attributes:
        min_digits (int): Minimum number of digits.
        max_digits (int): Maximum number of digits.
        heights (tuple[float, float]): Range of the height of a digit, as a share of the
            shorter side of the image.
    """

    min_digits: int
    max_digits: int
    heights: tuple[float, float]


SEVERAL_DIGITS = Composition(min_digits=1, max_digits=3, heights=(0.5, 0.8))
ONE_DIGIT = Composition(min_digits=1, max_digits=1, heights=(0.6, 0.85))


def compose_scenes(
    recipe: MiniDatasetRecipe, split: Split, composition: Composition
) -> Iterator[Scene]:
    """Compose the scenes of a split.

    Args:
        recipe (MiniDatasetRecipe): Number of scenes and of digits, sizes and seed.
        split (str): 'train' or 'val'.
        composition (Composition): Number and size of the digits in a scene.

    Yields:
        Scene: The next scene. The same arguments give the same scenes. Over all scenes,
        the numbers of objects of the classes differ by at most one.
    """
    sources = load_sources(split)
    # The splits have separate random streams, so that the number of training images does
    # not affect the validation images.
    rng = np.random.default_rng([recipe.seed, SPLITS.index(split)])
    digits = _iter_balanced_digits(rng, recipe.num_digits)
    for _ in range(recipe.num_images(split)):
        width, height = rng.integers(recipe.min_size, recipe.max_size + 1, size=2)
        scene = Scene(_crop_background(rng, sources.photographs, int(width), int(height)))
        num_digits = rng.integers(composition.min_digits, composition.max_digits + 1)
        while len(scene.instances) < num_digits:
            digit = next(digits)
            samples = sources.digits[digit]
            if not _place_digit(rng, scene, digit, samples, composition.heights):
                digits.send(digit)
                break
        yield scene


def _iter_balanced_digits(
    rng: np.random.Generator, num_digits: int
) -> Generator[int, int | None, None]:
    """Yield shuffled rounds of all digits. A digit that is sent back comes again next."""
    while True:
        for digit in rng.permutation(num_digits).tolist():
            returned = yield digit
            while returned is not None:
                yield returned  # the result of send(), which nobody reads
                returned = yield returned


def _crop_background(
    rng: np.random.Generator, photographs: Sequence[np.ndarray], width: int, height: int
) -> np.ndarray:
    """Crop a photograph, and blur and darken it so that digits stand out."""
    photograph = photographs[int(rng.integers(len(photographs)))]
    full_height, full_width = photograph.shape[:2]
    max_scale = min(full_width / width, full_height / height)
    scale = rng.uniform(0.6, 1.0) * max_scale
    crop_width, crop_height = int(width * scale), int(height * scale)
    left = rng.integers(full_width - crop_width + 1)
    top = rng.integers(full_height - crop_height + 1)
    crop = photograph[top : top + crop_height, left : left + crop_width]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    image = cv2.resize(
        np.ascontiguousarray(crop), (width, height), interpolation=cv2.INTER_LINEAR
    )
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 1.6))
    brightness = rng.uniform(0.45, 0.75)
    return (image * brightness).astype(np.uint8)


def _place_digit(
    rng: np.random.Generator,
    scene: Scene,
    digit: int,
    samples: np.ndarray,
    heights: tuple[float, float],
) -> bool:
    """Draw a digit where it does not hide too much of the others.

    Returns:
        bool: False if no such place was found. The scene is then unchanged.
    """
    full_height, full_width = scene.image.shape[:2]
    short_side = min(full_height, full_width)
    for _ in range(PLACEMENT_TRIES):
        grey, opacity, mask = draw_glyph(
            samples[rng.integers(len(samples))],
            height=rng.uniform(*heights) * short_side,
            angle=rng.uniform(-10, 10),
            shear=rng.uniform(-0.15, 0.15),
            stretch=rng.uniform(0.95, 1.25),
        )
        rows, columns = full_height - mask.shape[0], full_width - mask.shape[1]
        if rows < 0 or columns < 0:
            continue
        top, left = rng.integers(rows + 1), rng.integers(columns + 1)
        window = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
        if all(_stays_visible(other, window, mask) for other in scene.instances):
            break
    else:
        return False

    canvas = scene.image[window]
    _paint(canvas, grey, opacity, _choose_tint(rng, digit, canvas[mask]))
    for other in scene.instances:
        other.mask[window] &= ~mask
    full_mask = np.zeros((full_height, full_width), bool)
    full_mask[window] = mask
    scene.instances.append(Instance(digit, full_mask, int(mask.sum())))
    return True


def _stays_visible(
    other: Instance, window: tuple[slice, slice], mask: np.ndarray
) -> bool:
    """Return whether enough of ``other`` remains when ``mask`` covers the window."""
    hidden = np.count_nonzero(other.mask[window] & mask)
    remaining = np.count_nonzero(other.mask) - hidden
    return remaining >= MIN_VISIBLE_SHARE * other.drawn_area


def _paint(
    canvas: np.ndarray, grey: np.ndarray, opacity: np.ndarray, tint: np.ndarray
) -> None:
    """Blend a tinted digit into ``canvas``, in place. Its grey values are the shading."""
    shade = (0.3 + 0.7 * grey)[:, :, None]
    opacity = opacity[:, :, None]
    canvas[...] = np.round(canvas * (1 - opacity) + tint * shade * opacity)


def _choose_tint(rng: np.random.Generator, digit: int, covered: np.ndarray) -> np.ndarray:
    """Choose a strong colour near the class's hue that contrasts with the background.

    Colour is informative, as in photographs of sky and grass, so a network learns within
    minutes. Classes of neighbouring hues are distinguished by shape.

    Args:
        rng (np.random.Generator): Source of the random choices.
        digit (int): The class, 0 to 9.
        covered (np.ndarray): RGB values of the pixels under the digit, (N, 3).

    Returns:
        np.ndarray: RGB colour, (3,), float32 in [0, 255].
    """
    hue = digit * HUES // NUM_DIGITS
    hues = hue + rng.integers(-HUE_SPREAD, HUE_SPREAD + 1, TINT_TRIES)
    hsv = np.stack(
        [
            hues % HUES,
            rng.integers(90, 256, TINT_TRIES),
            rng.integers(200, 256, TINT_TRIES),
        ],
        axis=1,
    ).astype(np.uint8)
    tints = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
    background = covered.mean(axis=0).round().astype(np.uint8)
    # In CIELAB, distances correspond to perceived differences.
    lab = cv2.cvtColor(np.vstack([tints, background])[None], cv2.COLOR_RGB2LAB)[0]
    distances = np.linalg.norm(lab[:-1].astype(float) - lab[-1], axis=1)
    # The first colour that is distant enough, not the most distant: colours vary.
    suitable = np.flatnonzero(distances >= MIN_TINT_DISTANCE)
    chosen = suitable[0] if len(suitable) else distances.argmax()
    return tints[chosen].astype(np.float32)
