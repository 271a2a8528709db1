"""The annotations on disk say exactly what was drawn."""

import json

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from mmgroupmix.mini_data.outlines import encode_segmentation, run_lengths
from mmgroupmix.mini_data.recipe import Recipe
from mmgroupmix.mini_data.scenes import (
    MIN_VISIBLE_SHARE,
    ONE_DIGIT,
    SEVERAL_DIGITS,
    compose_scenes,
)
from mmgroupmix.mini_data.sources import load_sources

SPLITS = {'train': 'training', 'val': 'validation'}


def decode(segmentation, shape):
    """What pycocotools makes of COCO's ``segmentation``, (H, W), bool."""
    coco = COCO()
    coco.imgs = {1: dict(height=shape[0], width=shape[1])}
    return coco.annToMask(dict(image_id=1, segmentation=segmentation)).astype(bool)


def blobs(seed, smoothness, shape=(40, 57)):
    """Random shapes: in pieces, with holes, cut off by the border."""
    noise = np.random.default_rng(seed).random(shape)
    return cv2.GaussianBlur(noise, (0, 0), smoothness) > 0.5


@pytest.mark.smoke
@pytest.mark.parametrize('smoothness', [0.3, 1.0, 3.0, 8.0])
def test_any_mask_is_decoded_as_it_was(smoothness):
    for seed in range(25):
        mask = blobs(seed, smoothness)
        np.testing.assert_array_equal(decode(encode_segmentation(mask), mask.shape), mask)
        np.testing.assert_array_equal(decode(run_lengths(mask), mask.shape), mask)


@pytest.mark.parametrize(
    'rows, columns',
    [((0, 1), (0, 1)), ((0, 6), (0, 9)), ((5, 6), (0, 9)), ((0, 6), (8, 9))],
)
def test_rectangles_at_the_border_become_one_exact_polygon(rows, columns):
    mask = np.zeros((6, 9), bool)
    mask[slice(*rows), slice(*columns)] = True
    (polygon,) = encode_segmentation(mask)
    assert len(polygon) == 8
    np.testing.assert_array_equal(decode([polygon], mask.shape), mask)


def test_pieces_become_polygons_and_only_holes_and_touching_corners_run_lengths():
    mask = np.zeros((8, 16), bool)
    mask[1:7, 1:7] = mask[1:7, 9:15] = True
    assert len(encode_segmentation(mask)) == 2
    ring = mask.copy()
    ring[3:5, 3:5] = False
    assert isinstance(encode_segmentation(ring), dict)
    touching = np.eye(4, dtype=bool)
    assert isinstance(encode_segmentation(touching), dict)


@pytest.mark.parametrize('split', SPLITS)
def test_coco_masks_are_the_drawn_masks_and_boxes_and_areas_agree_with_them(
    coco, split, several
):
    dataset = COCO(coco / 'annotations' / f'instances_{split}2017.json')
    scenes = list(
        compose_scenes(
            Recipe('coco', num_classes=10, seed=0, **several), split, SEVERAL_DIGITS
        )
    )
    assert len(dataset.imgs) == len(scenes)
    for image_id, scene in zip(sorted(dataset.imgs), scenes):
        annotations = dataset.imgToAnns[image_id]
        assert len(annotations) == len(scene.instances)
        for annotation, instance in zip(annotations, scene.instances):
            mask = dataset.annToMask(annotation).astype(bool)
            np.testing.assert_array_equal(mask, instance.mask)
            ys, xs = np.nonzero(mask)
            assert annotation['area'] == mask.sum()
            assert annotation['bbox'] == [
                xs.min(),
                ys.min(),
                xs.max() - xs.min() + 1,
                ys.max() - ys.min() + 1,
            ]
            assert annotation['category_id'] == instance.digit + 1
            assert annotation['iscrowd'] == 0


@pytest.mark.smoke
@pytest.mark.parametrize('split', SPLITS)
def test_the_instances_of_coco_add_up_to_the_label_map_of_ade20k(coco, ade20k, split):
    dataset = COCO(coco / 'annotations' / f'instances_{split}2017.json')
    paths = sorted((ade20k / 'annotations' / SPLITS[split]).iterdir())
    assert len(paths) == len(dataset.imgs)
    for image_id, path in zip(sorted(dataset.imgs), paths):
        stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint8 and stored.ndim == 2
        expected = np.ones_like(stored)  # 1 is the background, 0 would be unlabelled
        covered = np.zeros(stored.shape, int)
        for annotation in dataset.imgToAnns[image_id]:
            mask = dataset.annToMask(annotation).astype(bool)
            expected[mask] = annotation['category_id'] + 1
            covered += mask
        np.testing.assert_array_equal(stored, expected)
        assert covered.max() == 1


def test_ade20k_and_coco_show_the_same_pictures(coco, ade20k):
    ours = sorted((ade20k / 'images' / 'validation').iterdir())
    theirs = sorted((coco / 'val2017').iterdir())
    assert [a.read_bytes() for a in ours] == [b.read_bytes() for b in theirs]


@pytest.mark.parametrize('split', SPLITS)
def test_coco_describes_each_picture_with_its_size_and_unique_ids(coco, split):
    path = coco / 'annotations' / f'instances_{split}2017.json'
    content = json.loads(path.read_text())
    names = {path.name for path in (coco / f'{split}2017').iterdir()}
    assert {image['file_name'] for image in content['images']} == names
    for image in content['images']:
        picture = cv2.imread(str(coco / f'{split}2017' / image['file_name']))
        assert picture.shape == (image['height'], image['width'], 3)
    ids = [annotation['id'] for annotation in content['annotations']]
    assert len(set(ids)) == len(ids)


def test_digits_are_large_lie_inside_and_stay_mostly_visible():
    recipe = Recipe('coco', 30, 1, 10, 192, 320, seed=1)
    for scene in compose_scenes(recipe, 'train', SEVERAL_DIGITS):
        sides = scene.image.shape[:2]
        assert all(192 <= side <= 320 for side in sides)
        assert 1 <= len(scene.instances) <= 5
        for instance in scene.instances:
            assert instance.mask.sum() >= MIN_VISIBLE_SHARE * instance.drawn_area
        # The topmost one is covered by nothing: its full height shows. A rotation by
        # 10 degrees changes the height by less than a third.
        height = scene.instances[-1].mask.any(axis=1).sum() / min(sides)
        assert 0.3 * 0.8 <= height <= 0.6 * 1.34


def test_digits_stand_out_from_what_surrounds_them():
    recipe = Recipe('imagenet', 40, 10, 10, 96, 128, seed=0)
    for scene in compose_scenes(recipe, 'train', ONE_DIGIT):
        lab = cv2.cvtColor(scene.image, cv2.COLOR_RGB2LAB).astype(float)
        mask = scene.instances[0].mask
        assert np.linalg.norm(lab[mask].mean(axis=0) - lab[~mask].mean(axis=0)) > 30


def test_each_class_is_equally_frequent():
    recipe = Recipe('coco', 20, 1, 10, 64, 96, seed=0)
    digits = [
        instance.digit
        for scene in compose_scenes(recipe, 'train', SEVERAL_DIGITS)
        for instance in scene.instances
    ]
    counts = np.bincount(digits, minlength=10)
    assert counts.max() - counts.min() <= 1


@pytest.mark.smoke
def test_training_and_validation_share_no_handwriting_and_no_part_of_a_photograph():
    from sklearn.datasets import load_digits, load_sample_images

    train, val = load_sources('train'), load_sources('val')
    for digit in range(10):
        ours = {sample.tobytes() for sample in train.digits[digit]}
        theirs = {sample.tobytes() for sample in val.digits[digit]}
        assert ours and theirs and not ours & theirs
    both = sum(len(sample) for sample in train.digits + val.digits)
    assert both == len(load_digits().target)
    # Side by side, the two parts are the photograph: they do not overlap.
    for left, right, photograph in zip(
        train.photographs, val.photographs, load_sample_images().images
    ):
        np.testing.assert_array_equal(np.hstack([left, right]), photograph)
