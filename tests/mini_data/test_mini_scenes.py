"""The scenes: number, size, contrast and sources of the digits."""

import cv2
import numpy as np
import pytest

from mmgroupmix.mini_data import write_mini_ade20k, write_mini_coco, write_mini_imagenet
from mmgroupmix.mini_data.scenes import (
    MIN_VISIBLE_SHARE,
    ONE_DIGIT,
    SEVERAL_DIGITS,
    Composition,
    compose_scenes,
)
from mmgroupmix.mini_data.sources import load_sources

from .datasets import SIZES, SPLITS, draw_scenes, make_recipe, read_coco


@pytest.fixture(scope='module', params=[0, 1], ids='seed {}'.format)
def several_scenes(request):
    sizes = dict(num_train=40, num_val=1, min_size=192, max_size=320)
    recipe = make_recipe('coco', seed=request.param, **sizes)
    return list(compose_scenes(recipe, 'train', SEVERAL_DIGITS))


@pytest.fixture(scope='module')
def single_scenes():
    recipe = make_recipe('imagenet', num_train=40, num_val=10, min_size=96, max_size=128)
    return list(compose_scenes(recipe, 'train', ONE_DIGIT))


def relative_height(scene):
    """Height of the topmost digit, of which nothing is covered, to the shorter side."""
    mask = scene.instances[-1].mask
    return mask.any(axis=1).sum() / min(mask.shape)


def test_the_sizes_of_the_images_fill_the_given_range(several_scenes):
    sides = {side for scene in several_scenes for side in scene.image.shape[:2]}
    assert 192 <= min(sides) < 204 and 308 < max(sides) <= 320


def test_the_limits_of_the_sizes_are_inclusive():
    recipe = make_recipe('imagenet', num_train=10, num_val=10, min_size=40, max_size=42)
    scenes = compose_scenes(recipe, 'train', ONE_DIGIT)
    assert {side for scene in scenes for side in scene.image.shape[:2]} == {40, 41, 42}


def test_there_are_one_to_three_large_digits_per_image(several_scenes):
    assert {len(scene.instances) for scene in several_scenes} == {1, 2, 3}
    heights = [relative_height(scene) for scene in several_scenes]
    # Drawn at 0.5 to 0.8 of the shorter side. Faint outer rows of the 8x8 samples and
    # the rotation by up to 10 degrees account for the rest.
    assert 0.5 * 0.85 <= min(heights) < 0.55
    assert 0.7 < max(heights) <= 0.8 * 1.05


def test_there_is_exactly_one_still_larger_digit_for_classification(single_scenes):
    assert {len(scene.instances) for scene in single_scenes} == {1}
    heights = [relative_height(scene) for scene in single_scenes]
    assert 0.6 * 0.85 <= min(heights) < 0.65
    assert 0.8 < max(heights) <= 0.85 * 1.05


def test_digits_stay_mostly_visible(several_scenes):
    shares = [
        instance.mask.sum() / instance.drawn_area
        for scene in several_scenes
        for instance in scene.instances
    ]
    assert MIN_VISIBLE_SHARE <= min(shares) < 1
    assert max(shares) == 1


def measure_contrast(scene):
    """Distance between the mean colours of the first digit and the rest, in CIELAB."""
    lab = cv2.cvtColor(scene.image, cv2.COLOR_RGB2LAB).astype(float)
    mask = scene.instances[0].mask
    return np.linalg.norm(lab[mask].mean(axis=0) - lab[~mask].mean(axis=0))


def test_digits_contrast_with_the_background(single_scenes):
    assert min(measure_contrast(scene) for scene in single_scenes) > 30


def test_digits_contrast_with_a_background_of_their_own_hue(replace_photographs):
    hsv = np.full((427, 640, 3), (6 * 18, 255, 255), np.uint8)  # the hue of digit 6
    replace_photographs(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))
    recipe = make_recipe('imagenet', num_train=40, num_val=10, **SIZES)
    contrasts = [
        measure_contrast(scene)
        for scene in compose_scenes(recipe, 'train', ONE_DIGIT)
        if scene.instances[0].digit == 6
    ]
    assert len(contrasts) == 4 and min(contrasts) > 30


def count_digits(scenes):
    digits = [instance.digit for scene in scenes for instance in scene.instances]
    return np.bincount(digits, minlength=10)


def test_all_classes_are_equally_frequent():
    recipe = make_recipe('coco', num_train=20, num_val=1, min_size=64, max_size=96)
    counts = count_digits(compose_scenes(recipe, 'train', SEVERAL_DIGITS))
    assert counts.max() - counts.min() <= 1


def test_all_classes_are_equally_frequent_even_if_some_digits_do_not_fit():
    recipe = make_recipe('coco', num_train=30, num_val=1, min_size=64, max_size=96)
    composition = Composition(min_digits=3, max_digits=3, heights=(0.7, 0.8))
    scenes = list(compose_scenes(recipe, 'train', composition))
    assert min(len(scene.instances) for scene in scenes) < 3
    counts = count_digits(scenes)
    assert counts.max() - counts.min() <= 1


def test_the_handwriting_is_that_of_the_class(single_scenes):
    """The nearest of scikit-learn's own samples is mostly of the same digit."""
    from sklearn.datasets import load_digits

    samples = load_digits()
    references = samples.images.reshape(-1, 64) / 16
    recognized = 0
    for scene in single_scenes:
        ys, xs = np.nonzero(scene.instances[0].mask)
        digit = scene.instances[0].mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        # The samples are 8 pixels high, most of them about 6 pixels wide.
        small = cv2.resize(digit.astype(np.float32), (6, 8), interpolation=cv2.INTER_AREA)
        distances = np.linalg.norm(
            references - np.pad(small, [(0, 0), (1, 1)]).ravel(), axis=1
        )
        recognized += samples.target[distances.argmin()] == scene.instances[0].digit
    assert recognized >= 0.8 * len(single_scenes)


@pytest.mark.smoke
def test_the_splits_share_no_handwriting_and_no_part_of_a_photograph():
    from sklearn.datasets import load_digits, load_sample_images

    train, val = load_sources('train'), load_sources('val')
    for digit in range(10):
        train_samples = {sample.tobytes() for sample in train.digits[digit]}
        val_samples = {sample.tobytes() for sample in val.digits[digit]}
        assert train_samples and val_samples and not train_samples & val_samples
    num_samples = sum(len(sample) for sample in train.digits + val.digits)
    assert num_samples == len(load_digits().target)
    # Put together, the two parts are the photograph, so they do not overlap.
    for left, right, photograph in zip(
        train.photographs, val.photographs, load_sample_images().images
    ):
        np.testing.assert_array_equal(np.hstack([left, right]), photograph)


@pytest.mark.parametrize(
    'write, folders',
    [
        (write_mini_ade20k, ('images/training', 'images/validation')),
        (write_mini_coco, ('train2017', 'val2017')),
        (write_mini_imagenet, ('train', 'val')),
    ],
)
def test_each_split_shows_its_own_part_of_the_photographs(
    write, folders, tmp_path, different_sources
):
    root = write(tmp_path / 'set', num_train=4, num_val=4, num_classes=4, **SIZES)
    darkest = [
        [cv2.imread(str(path)).max(axis=2).min() for path in (root / folder).rglob('*.*')]
        for folder in folders
    ]
    # Digits are bright: the darkest pixel belongs to the background.
    assert len(darkest[0]) == len(darkest[1]) == 4
    assert max(darkest[0]) < 30 and min(darkest[1]) > 80


def test_each_split_shows_its_own_handwriting(tmp_path, different_sources):
    root = write_mini_coco(tmp_path / 'set', num_train=4, num_val=4, **SIZES)
    ratios = {
        split: [
            annotation['bbox'][2] / annotation['bbox'][3]
            for annotation in read_coco(root, split).anns.values()
        ]
        for split in SPLITS
    }
    # Squares in the training set, and lines in the validation set.
    assert min(ratios['train']) > 0.7 > 0.6 > max(ratios['val'])


def test_backgrounds_are_crops_of_which_some_are_mirrored(replace_photographs):
    # A photograph that gets brighter from left to right.
    gradient = np.tile(np.linspace(0, 255, 640)[:, None], (427, 1, 3))
    replace_photographs(gradient)
    recipe = make_recipe('imagenet', num_train=12, num_val=10, **SIZES)
    slopes = []
    for scene in compose_scenes(recipe, 'train', ONE_DIGIT):
        left, right = scene.image[:, 0].min(), scene.image[:, -1].min()
        slopes.append(int(right) - int(left))
    assert min(slopes) < 0 < max(slopes)


def test_the_splits_have_different_random_streams():
    # The size of the first image is the first number of the stream.
    train, val = (draw_scenes('coco', split)[0].image.shape for split in SPLITS)
    assert train != val
