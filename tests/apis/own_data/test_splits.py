"""The division into training and validation."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageOps

from mmgroupmix.apis.own_data.listing import find_split, list_data
from mmgroupmix.apis.own_data.own_data import read_size
from mmgroupmix.apis.own_data.splits import find_shared_images, split_items
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


@pytest.fixture
def files(tmp_path):
    """A function: so many files of different contents."""

    def write(number):
        paths = [tmp_path / f'{i}.jpg' for i in range(number)]
        for i, path in enumerate(paths):
            path.write_bytes(bytes([i % 256, i // 256]))
        return paths

    return write


@pytest.mark.parametrize('seed', [0, 1])
def test_every_class_has_about_the_same_share_in_both(files, seed):
    rng = np.random.default_rng(seed)
    labels = [
        set(
            rng.choice(
                6, rng.integers(0, 4), p=[0.4, 0.3, 0.2, 0.05, 0.03, 0.02], replace=False
            ).tolist()
        )
        for _ in range(200)
    ]
    val = split_items(files(200), labels, 0.2, seed)
    assert 35 <= len(val) <= 50
    whole = Counter(label for found in labels for label in found)
    part = Counter(label for i in val for label in labels[i])
    for label, count in whole.items():
        assert 1 <= part[label] < count
        assert abs(part[label] - 0.2 * count) <= max(2, 0.06 * count)


@pytest.mark.parametrize('number, expected', [(1, 0), (2, 1), (3, 1), (10, 2)])
def test_few_images_are_divided_too(files, number, expected):
    assert len(split_items(files(number), [{0}] * number, 0.2, 0)) == expected


def test_the_same_seed_gives_the_same_split_and_another_another(files):
    paths = files(40)
    first, again, other = (split_items(paths, [{0}] * 40, 0.2, s) for s in (3, 3, 4))
    assert first == again != other


def test_copies_of_an_image_stay_together(files):
    paths = files(30)
    for i in range(0, 30, 3):
        paths[i + 1].write_bytes(paths[i].read_bytes())
    names = [p.with_name(f'IMG{i // 3}_jpg.rf.{i:032x}.jpg') for i, p in enumerate(paths)]
    for path, name in zip(paths, names):
        name.write_bytes(path.read_bytes())
    by_content = split_items(paths, [{0}] * 30, 0.2, 0)
    assert by_content and all(
        (i in by_content) == (i + 1 in by_content) for i in range(0, 30, 3)
    )
    by_name = split_items(names, [{0}] * 30, 0.2, 0)
    assert by_name and all(
        len({i in by_name for i in range(k, k + 3)}) == 1 for k in range(0, 30, 3)
    )


def test_files_that_begin_alike_are_not_copies(files):
    paths = files(10)
    for i, path in enumerate(paths):
        path.write_bytes(bytes(10_000) + bytes([i]))
    assert len(split_items(paths, [{0}] * 10, 0.2, 0)) == 2
    assert not find_shared_images(paths[:5], paths[5:])


def test_shared_images_are_found_by_their_content(files):
    paths = files(6)
    paths[5].write_bytes(paths[0].read_bytes())
    assert find_shared_images(paths[:3], paths[3:]) == [paths[5]]


def test_the_size_of_a_photo_is_that_in_which_it_is_shown(tmp_path):
    for orientation, size in ((1, (40, 30)), (3, (40, 30)), (6, (30, 40))):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f'{orientation}.jpg'
        Image.new('RGB', (40, 30)).save(path, exif=exif)
        assert read_size(path) == size == ImageOps.exif_transpose(Image.open(path)).size
    assert read_size(tmp_path / 'no.jpg') is None


@pytest.mark.parametrize(
    'path, split',
    [
        ('valid/_annotations.coco.json', 'val'),
        ('annotations/instances_val2017.json', 'val'),
        ('train/test/a.jpg', 'test'),
        ('instances_Train.json', 'train'),
        ('testset.json', 'test'),
        ('trains/validity.json', None),
        ('data/dataset/set.json', None),
        ('train_val.json', None),
    ],
)
def test_a_path_names_its_split_by_whole_words(path, split):
    assert find_split(path) == split


@pytest.mark.parametrize(
    'name, named',
    [
        ('no', 'does not exist'),
        ('a.zip', 'is an archive'),
        ('a.txt', 'expected a folder, or a JSON file'),
        ('empty', 'no images'),
    ],
)
def test_a_path_that_holds_no_data_is_refused(name, named, tmp_path):
    (tmp_path / 'empty').mkdir()
    for file in ('a.zip', 'a.txt'):
        (tmp_path / file).write_text('')
    with pytest.raises(UserError, match=named):
        list_data(tmp_path / name)


def test_an_empty_path_is_not_taken_for_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'x.jpg').write_text('')
    with pytest.raises(UserError, match='empty path'):
        list_data('')


def test_a_link_that_leads_in_a_circle_is_followed_once(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'x.JPG').write_text('')
    (tmp_path / 'a' / 'b').symlink_to(tmp_path)
    assert list_data(tmp_path).images == ['a/x.JPG']
