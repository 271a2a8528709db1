"""Names beside label maps: lists of classes, and what the name of a file says."""

import pytest

from mmgroupmix.apis.own_data.class_names import parse_class_list
from mmgroupmix.apis.own_data.label_pairs import (
    classify,
    classify_by_words,
    pair_label_maps,
)
from mmgroupmix.apis.own_data.listing import Listing

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    'line, name, numbers',
    [
        ('traffic light', 'traffic light', {}),
        ('sky:70,130,180::', 'sky', {(70, 130, 180): 0}),
        ('sky:70,130,180:sun,moon:rise', 'sky', {(70, 130, 180): 0}),
        ('sky,70,130,180', 'sky', {(70, 130, 180): 0}),
        ('70 130 180 open sky', 'open sky', {(70, 130, 180): 0}),
        ('70 130 180\tsky', 'sky', {(70, 130, 180): 0}),
        ('sky,70 130 180', 'sky', {(70, 130, 180): 0}),
        ('7, sky', 'sky', {7: 0}),
        ('forest 2', 'forest 2', {}),
    ],
)
def test_a_line_of_a_list_of_classes_is_a_name_with_or_without_numbers(
    line, name, numbers
):
    found = parse_class_list('classes.txt', f'\ufeff# comment\n\n{line}\n')
    assert found.names == [name]
    assert {**found.colours, **found.values} == numbers


@pytest.mark.parametrize(
    'path, role, key',
    [
        ('images/train/a.jpg', 'image', ('train', 'a')),
        ('train_masks/a_mask.png', 'label', ('train', 'a')),
        ('trainannot/a.png', 'label', ('train', 'a')),
        ('defaultannot/a.png', 'label', ('default', 'a')),
        ('masks/a.jpg.png', 'label', ('a',)),
        ('SegmentationObject/a.png', '', ()),
        ('leftImg8bit/val/a_leftImg8bit.png', 'image', ('val', 'a')),
    ],
)
def test_folders_and_suffixes_say_what_a_file_is(path, role, key):
    assert classify(path) == (role, key)


@pytest.mark.parametrize(
    'image, label_map',
    [
        ('images/image_1.png', 'masks/mask_1.png'),
        ('images/img1.png', 'masks/1.png'),
        ('img/1.jpg', 'm/mask_1.png'),
        ('train/a1.png', 'train_labels/a1_L.png'),
        ('1_json/img.png', '1_json/label.png'),
        ('images/mask_1.jpg', 'labels/mask_1.png'),
    ],
)
def test_words_for_the_role_may_stand_anywhere_in_a_name(image, label_map, tmp_path):
    others = [path.replace('1', '2') for path in (image, label_map)]
    images = sorted({image, label_map, *others, 'images/c.png'})
    pairs, notes = pair_label_maps(Listing(tmp_path, images))
    assert (image, label_map) in [(pair.image, pair.label_map) for pair in pairs]
    assert len(pairs) == 2
    assert notes == ['1 images have no label map and are left out (images/c.png)']


def test_a_folder_says_more_than_the_name_of_a_file():
    assert classify_by_words('images/mask_1.jpg')[0] == 'image'
    assert classify_by_words('masks/img_1.png')[0] == 'label'
