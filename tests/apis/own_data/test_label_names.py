"""Names beside label maps: lists of classes, and what the name of a file says."""

import pytest

from mmgroupmix.apis.own_data.class_names import parse_class_list
from mmgroupmix.apis.own_data.label_pairs import classify

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    'line, name, numbers',
    [
        ('traffic light', 'traffic light', {}),
        ('sky:70,130,180::', 'sky', {(70, 130, 180): 0}),
        ('sky,70,130,180', 'sky', {(70, 130, 180): 0}),
        ('70 130 180 open sky', 'open sky', {(70, 130, 180): 0}),
        ('70 130 180\tsky', 'sky', {(70, 130, 180): 0}),
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
        ('SegmentationObject/a.png', '', ()),
        ('leftImg8bit/val/a_leftImg8bit.png', 'image', ('val', 'a')),
    ],
)
def test_folders_and_suffixes_say_what_a_file_is(path, role, key):
    assert classify(path) == (role, key)
