"""The annotations on disk agree with each other, the images and what was drawn."""

import json

import cv2
import numpy as np
import pytest

from mmgroupmix.mini_data import write_mini_coco, write_mini_imagenet

from .datasets import SIZES, SPLITS, draw_scenes, read_coco


def read_image(root, split, dataset, image_id):
    """The image in BGR, as OpenCV reads it, (H, W, 3)."""
    file_name = dataset.imgs[image_id]['file_name']
    return cv2.imread(str(root / f'{split}2017' / file_name))


@pytest.mark.parametrize('split', SPLITS)
def test_coco_describes_the_digits_that_were_drawn(coco, split):
    dataset = read_coco(coco, split)
    scenes = draw_scenes('coco', split)
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
            category = dataset.cats[annotation['category_id']]
            assert category['name'] == f'digit {instance.digit}'
            assert annotation['category_id'] == instance.digit + 1
            assert annotation['iscrowd'] == 0


@pytest.mark.smoke
@pytest.mark.parametrize('split', SPLITS)
def test_the_instances_of_coco_add_up_to_the_label_map_of_ade20k(coco, ade20k, split):
    dataset = read_coco(coco, split)
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


@pytest.mark.parametrize('split', SPLITS)
def test_ade20k_and_coco_show_the_same_images(coco, ade20k, split):
    segmentation = sorted((ade20k / 'images' / SPLITS[split]).iterdir())
    detection = sorted((coco / f'{split}2017').iterdir())
    assert [a.read_bytes() for a in segmentation] == [b.read_bytes() for b in detection]


@pytest.mark.parametrize('split', SPLITS)
def test_the_images_on_disk_are_those_that_were_drawn(coco, imagenet, split):
    paths = sorted((coco / f'{split}2017').iterdir())
    drawn = dict(zip(paths, draw_scenes('coco', split)))
    for number, scene in enumerate(draw_scenes('imagenet', split), start=1):
        name = f'digit_{scene.instances[0].digit}'
        drawn[imagenet / split / name / f'{name}_{number:06d}.JPEG'] = scene
    for path, scene in drawn.items():
        image = cv2.imread(str(path))[:, :, ::-1]
        # JPEG at quality 95 changes these images by 1 to 3 of 255.
        assert np.abs(image.astype(int) - scene.image).mean() < 3


def test_coco_lists_each_image_with_its_size_and_ids_are_unique(coco):
    image_ids = []
    for split in SPLITS:
        path = coco / 'annotations' / f'instances_{split}2017.json'
        content = json.loads(path.read_text())
        names = {path.name for path in (coco / f'{split}2017').iterdir()}
        assert {image['file_name'] for image in content['images']} == names
        for image in content['images']:
            stored = cv2.imread(str(coco / f'{split}2017' / image['file_name']))
            assert stored.shape == (image['height'], image['width'], 3)
        annotation_ids = [annotation['id'] for annotation in content['annotations']]
        assert len(set(annotation_ids)) == len(annotation_ids) > 0
        image_ids += [image['id'] for image in content['images']]
    assert len(set(image_ids)) == len(image_ids)


def test_masks_coincide_with_the_digits_in_the_images(tmp_path, black_photographs):
    """Moved by one pixel in any direction, a mask fits the bright pixels less well."""
    arguments = dict(num_train=1, num_val=6, **SIZES)
    root = write_mini_coco(tmp_path / 'set', **arguments)
    dataset = read_coco(root, 'val')
    shifts = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    for image_id, annotations in dataset.imgToAnns.items():
        brightness = read_image(root, 'val', dataset, image_id).max(axis=2)
        union = np.any([dataset.annToMask(a) for a in annotations], axis=0)
        fit = {
            shift: np.corrcoef(
                np.roll(union, shift, axis=(0, 1)).ravel(), brightness.ravel()
            )[0, 1]
            for shift in shifts
        }
        assert max(fit, key=fit.get) == (0, 0)


def check_hue(image, mask, digit):
    """Check that a digit has the hue of its class: a tenth of the circle per class."""
    inside = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    hues = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)[inside][:, 0].astype(int)
    # OpenCV's hues are 0 to 179. A digit differs from its class by at most 9, and by a
    # little more after JPEG compression.
    difference = (hues - 18 * digit + 90) % 180 - 90
    assert abs(np.median(difference)) <= 12, digit


def test_the_colour_of_each_object_of_coco_is_that_of_its_class(coco):
    dataset = read_coco(coco, 'train')
    for image_id, annotations in dataset.imgToAnns.items():
        image = read_image(coco, 'train', dataset, image_id)
        for annotation in annotations:
            name = dataset.cats[annotation['category_id']]['name']
            check_hue(image, dataset.annToMask(annotation), int(name.split()[1]))


def test_the_colour_of_the_digit_is_that_of_its_imagenet_folder(
    tmp_path, black_photographs
):
    arguments = dict(num_train=10, num_val=10, **SIZES)
    root = write_mini_imagenet(tmp_path / 'set', **arguments)
    paths = list((root / 'train').glob('*/*.JPEG'))
    assert len({path.parent for path in paths}) == 10
    for path in paths:
        image = cv2.imread(str(path))
        check_hue(image, image.max(axis=2) > 128, int(path.parent.name.split('_')[1]))
