"""CIFAR-10 and Tiny-ImageNet in their published layouts, and damaged ones."""

import os
import pickle

import numpy as np
import pytest

from mmgroupmix.errors import UserError
from mmgroupmix.generation import CIFAR10Images, TinyImageNet

from .image_files import NUM_TEST, NUM_TRAIN, write_cifar10, write_tiny_imagenet

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize('binary', [False, True])
def test_cifar10_is_read_in_both_published_forms(tmp_path, binary):
    pixels, labels = write_cifar10(tmp_path, binary)
    test = CIFAR10Images(str(tmp_path), 'test')
    assert len(test) == NUM_TEST
    assert len(CIFAR10Images(str(tmp_path))) == 5 * NUM_TRAIN
    info = test.get_data_info(7)
    rgb = info['img'][..., ::-1]
    # The published files hold the red plane first, then green and blue, row by row.
    np.testing.assert_array_equal(rgb[..., 0].ravel(), pixels[7, :1024])
    np.testing.assert_array_equal(rgb[..., 2].ravel(), pixels[7, 2048:])
    assert info['gt_label'] == labels[7]
    assert test.metainfo['split'] == 'test'
    assert test.metainfo['classes'][labels[7]] == 'horse'


class Call:
    """An object whose pickle calls a function."""

    def __reduce__(self):
        return os.mkdir, ('called',)


def test_no_code_in_a_pickle_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cifar10(tmp_path)
    path = tmp_path / 'cifar-10-batches-py' / 'test_batch'
    path.write_bytes(pickle.dumps(dict(labels=[1], data=Call())))
    with pytest.raises(UserError, match='test_batch cannot be read.*Nothing in it was'):
        CIFAR10Images(str(tmp_path), 'test')
    assert not (tmp_path / 'called').exists()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def give_large_label(path):
    content = bytearray(path.read_bytes())
    content[3 * 3073] = 10
    path.write_bytes(content)


@pytest.mark.parametrize(
    ('binary', 'damage', 'words'),
    [
        (False, truncate, ['test_batch cannot be read']),
        (True, truncate, ['test_batch.bin has', 'a multiple of 3073']),
        (True, give_large_label, ['test_batch.bin: image 3 has label 10', '0 to 9']),
        (False, lambda path: path.unlink(), ['lacks test_batch', 'Unpack it again']),
        (
            False,
            lambda path: path.write_bytes(pickle.dumps(dict(labels=[1]))),
            ['test_batch is not a batch of CIFAR-10', '(N, 3072)'],
        ),
    ],
)
def test_damaged_files_of_cifar10_are_named(tmp_path, binary, damage, words):
    write_cifar10(tmp_path, binary)
    (folder,) = tmp_path.iterdir()
    damage(folder / ('test_batch.bin' if binary else 'test_batch'))
    with pytest.raises(UserError) as raised:
        CIFAR10Images(str(tmp_path), 'test')
    assert all(word in str(raised.value) for word in words)
    assert '\n' not in str(raised.value)


def test_a_folder_without_cifar10_is_named(tmp_path):
    with pytest.raises(UserError, match=f'no CIFAR-10 in {tmp_path}: expected'):
        CIFAR10Images(str(tmp_path))
    with pytest.raises(UserError, match="split='val', expected 'train' or 'test'"):
        CIFAR10Images(str(tmp_path), 'val')


def test_tiny_imagenet_is_read_in_its_published_layout(tmp_path):
    write_tiny_imagenet(tmp_path)
    train, val = TinyImageNet(str(tmp_path)), TinyImageNet(str(tmp_path), 'val')
    assert train.metainfo['classes'] == val.metainfo['classes'] == ('n01', 'n02')
    found = [(one['img_path'], one['gt_label']) for one in (*train, *val)]
    assert found == [
        (f'{tmp_path}/train/n01/images/n01_0.JPEG', 0),
        (f'{tmp_path}/train/n02/images/n02_0.JPEG', 1),
        (f'{tmp_path}/val/images/val_0.JPEG', 1),
        (f'{tmp_path}/val/images/val_1.JPEG', 0),
    ]


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('val_0.JPEG\tn99\t0', ['val_0.JPEG is of class n99', 'one of the 2 folders']),
        ('val_7.JPEG\tn01\t0', ['val_annotations.txt, line 1', 'val_7.JPEG does not']),
        ('val_0.JPEG n01', ['val_annotations.txt, line 1', 'names no class']),
    ],
)
def test_wrong_annotations_of_tiny_imagenet_are_named(tmp_path, line, words):
    write_tiny_imagenet(tmp_path)
    (tmp_path / 'val' / 'val_annotations.txt').write_text(line)
    with pytest.raises(UserError) as raised:
        TinyImageNet(str(tmp_path), 'val')
    assert all(word in str(raised.value) for word in words)
    with pytest.raises(UserError, match='no Tiny-ImageNet in'):
        TinyImageNet(str(tmp_path / 'val'))
