"""Scenes: handwritten digits, tinted, lying on crops of photographs."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from .glyphs import draw_glyph
from .sources import load_sources

JPEG_QUALITY = 95
# A digit must keep this share of its area when later ones cover it.
MIN_VISIBLE_SHARE = 0.8
PLACEMENT_TRIES = 20
TINT_TRIES = 12
HUES = 180  # OpenCV counts half degrees
# Half of the distance of two classes is 9: their hues just meet.
HUE_SPREAD = 9


@dataclass
class Instance:
    """One digit of a scene: its value and the pixels of it that can be seen.

    Attributes:
        digit (int): 0 to 9.
        mask (np.ndarray): The visible pixels, (H, W), bool.
        drawn_area (int): Pixels that it had before others covered it.
    """

    digit: int
    mask: np.ndarray
    drawn_area: int


@dataclass
class Scene:
    """A picture and what is in it.

    Attributes:
        image (np.ndarray): RGB, (H, W, 3), uint8.
        instances (list[Instance]): The digits, the topmost last; no pixel is in two.
    """

    image: np.ndarray
    instances: list = field(default_factory=list)

    def label_map(self):
        """np.ndarray: 0 for background, digit + 1 elsewhere, (H, W), uint8."""
        labels = np.zeros(self.image.shape[:2], np.uint8)
        for instance in self.instances:
            labels[instance.mask] = instance.digit + 1
        return labels

    def write_jpeg(self, path):
        """Write the picture (no labels) to ``path``, whatever its suffix."""
        _, encoded = cv2.imencode(
            '.jpg', self.image[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
        )
        path.write_bytes(encoded.tobytes())


@dataclass(frozen=True)
class Layout:
    """How digits fill a scene.

    Attributes:
        min_digits (int): Digits in a scene, at least.
        max_digits (int): Digits in a scene, at most.
        heights (tuple[float, float]): Range of a digit's height, as a share of the
            shorter side of the image.
    """

    min_digits: int
    max_digits: int
    heights: tuple


SEVERAL_DIGITS = Layout(min_digits=1, max_digits=3, heights=(0.5, 0.8))
ONE_DIGIT = Layout(min_digits=1, max_digits=1, heights=(0.6, 0.85))


def compose_scenes(recipe, split, layout):
    """The scenes of one split, one after the other.

    Args:
        recipe (Recipe): Number of scenes and of digits, sizes and seed.
        split (str): 'train' or 'val'.
        layout (Layout): How many digits a scene has, and how large.

    Yields:
        Scene: The next scene; the same ones for the same arguments. Over the digits
        of all scenes, each class is equally frequent, give or take one.
    """
    sources = load_sources(split)
    # Each split has its own stream: more training images leave validation as it is.
    rng = np.random.default_rng([recipe.seed, ('train', 'val').index(split)])
    classes = _balanced_classes(rng, recipe.num_digits)
    for _ in range(recipe.num_images(split)):
        width, height = rng.integers(recipe.min_size, recipe.max_size + 1, size=2)
        scene = Scene(_background(rng, sources.photographs, int(width), int(height)))
        wanted = rng.integers(layout.min_digits, layout.max_digits + 1)
        while len(scene.instances) < wanted:
            digit = next(classes)
            samples = sources.digits[digit]
            if not _place(rng, scene, digit, samples, layout.heights):
                classes.send(digit)
                break
        yield scene


def _balanced_classes(rng, num_digits):
    """Endless shuffled rounds of all classes; one sent back comes again next."""
    while True:
        for digit in rng.permutation(num_digits):
            returned = yield int(digit)
            while returned is not None:
                yield None
                returned = yield returned


def _background(rng, photographs, width, height):
    """A crop of a photograph, softened and darkened so that digits stand out."""
    photograph = photographs[rng.integers(len(photographs))]
    full_height, full_width = photograph.shape[:2]
    largest = min(full_width / width, full_height / height)
    share = rng.uniform(0.6, 1.0) * largest
    crop_width, crop_height = int(width * share), int(height * share)
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


def _place(rng, scene, digit, samples, heights):
    """Draw one digit where it hides none of the others too much.

    Returns:
        bool: False if no such place was found; the scene is then unchanged.
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
        if all(_still_visible(other, window, mask) for other in scene.instances):
            break
    else:
        return False

    canvas = scene.image[window]
    _paint(canvas, grey, opacity, _tint(rng, digit, canvas[mask]))
    for other in scene.instances:
        other.mask[window] &= ~mask
    full_mask = np.zeros((full_height, full_width), bool)
    full_mask[window] = mask
    scene.instances.append(Instance(digit, full_mask, int(mask.sum())))
    return True


def _still_visible(other, window, mask):
    """Whether enough of ``other`` remains when ``mask`` covers the window."""
    hidden = np.count_nonzero(other.mask[window] & mask)
    remaining = np.count_nonzero(other.mask) - hidden
    return remaining >= MIN_VISIBLE_SHARE * other.drawn_area


def _paint(canvas, grey, opacity, tint):
    """Blend a tinted digit into ``canvas``, in place; its grey values are its shade."""
    shade = (0.3 + 0.7 * grey)[:, :, None]
    opacity = opacity[:, :, None]
    canvas[...] = np.round(canvas * (1 - opacity) + tint * shade * opacity)


def _tint(rng, digit, covered):
    """A strong colour around the hue of the class, unlike the pixels that it covers.

    As sky is blue and grass is green: colour helps, so that a network learns within
    minutes, and shape tells apart the hues that meet.

    Args:
        rng (np.random.Generator): Source of the random choices.
        digit (int): The class, 0 to 9.
        covered (np.ndarray): The pixels under the digit, RGB, (N, 3).

    Returns:
        np.ndarray: RGB, (3,), float32 in [0, 255].
    """
    hues = digit * HUES // 10 + rng.integers(-HUE_SPREAD, HUE_SPREAD + 1, TINT_TRIES)
    hsv = np.stack(
        [
            hues % HUES,
            rng.integers(90, 256, TINT_TRIES),
            rng.integers(200, 256, TINT_TRIES),
        ],
        axis=1,
    ).astype(np.uint8)
    tints = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
    around = covered.mean(axis=0).round().astype(np.uint8)
    # Distances in CIELAB, where they match what an eye sees; 60 of 8-bit units is
    # plain to see, and taking the first beyond it keeps the colours varied.
    lab = cv2.cvtColor(np.vstack([tints, around])[None], cv2.COLOR_RGB2LAB)[0]
    distances = np.linalg.norm(lab[:-1].astype(float) - lab[-1], axis=1)
    strong = np.flatnonzero(distances >= 60)
    chosen = strong[0] if len(strong) else distances.argmax()
    return tints[chosen].astype(np.float32)
