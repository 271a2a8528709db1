"""Label maps, images and lists that cannot be read are named, whatever is wrong."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import Compose
from PIL import Image

from mmgroupmix.apis.data_scan.label_maps import find_wide_label
from mmgroupmix.apis.unreadable_files import report_unreadable_files
from mmgroupmix.errors import UserError

LABELS = np.arange(48, dtype=np.uint8).reshape(6, 8) % 3


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)


def load(folder, **sample):
    """Load an image and its label map as mmseg's training pipeline does."""
    from mmseg.datasets.transforms import LoadAnnotations
    from mmseg.registry import TRANSFORMS

    pipeline = [TRANSFORMS.build(dict(type='LoadImageFromFile')), LoadAnnotations()]
    sample = dict(
        img_path=str(folder / 'image.png'),
        seg_map_path=str(folder / 'labels.png'),
        reduce_zero_label=False,
        seg_fields=[],
        **sample,
    )
    dataset = listed_dataset([sample], pipeline)
    return wrap(dataset).pipeline(dict(sample))


def listed_dataset(samples, pipeline, ann_file='list.txt'):
    class Dataset(list):
        def get_data_info(self, index):
            return dict(self[index])

    dataset = Dataset(samples)
    dataset.pipeline, dataset.ann_file = Compose(pipeline), ann_file
    return dataset


def wrap(dataset):
    runner = SimpleNamespace(build_dataloader=lambda _: SimpleNamespace(dataset=dataset))
    report_unreadable_files(runner)
    return runner.build_dataloader({}).dataset


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / 'image.png', np.zeros((6, 8, 3), np.uint8))
    save(tmp_path / 'labels.png', LABELS)
    return tmp_path


@pytest.mark.parametrize(
    'write, reason',
    [
        (lambda path: path.write_bytes(b''), 'the file is empty'),
        (lambda path: path.write_text('hello'), 'cannot identify image file)'),
        (lambda path: path.write_bytes(path.read_bytes()[:45]), 'truncated'),
        (lambda path: save(path, np.stack([LABELS] * 3, -1)), '3 channels (red, green'),
        (lambda path: save(path, np.stack([LABELS] * 4, -1)), '4 channels'),
        (lambda path: save(path, np.stack([LABELS] * 2, -1)), '2 channels (grey, alpha)'),
        (lambda path: save(path, LABELS[:3]), '8 x 3 pixels, and the image'),
        (lambda path: save(path, LABELS[:1, :1]), 'one pixel wide or high'),
        (lambda path: save(path, LABELS[:1]), 'one pixel wide or high'),
        (lambda path: save(path, LABELS.T.copy()), 'turned by its EXIF orientation'),
        (lambda path: save(path, LABELS.astype(np.uint16) + 299), 'it holds 299 (I;16'),
        (
            lambda path: save(path, LABELS + np.float32(0.5), format='TIFF'),
            'it holds 0.5 (F',
        ),
    ],
)
def test_a_label_map_that_cannot_be_meant_is_named(write, reason, folder):
    write(folder / 'labels.png')
    with pytest.raises(UserError) as raised:
        load(folder)
    assert f'cannot read the label map {folder}/labels.png' in str(raised.value)
    assert reason in str(raised.value)
    assert '0x' not in str(raised.value)


@pytest.mark.parametrize(
    'array',
    [
        LABELS,
        np.full_like(LABELS, 255),
        LABELS.astype(np.uint16),
        np.where(LABELS == 2, 65535, LABELS).astype(np.uint16),
        LABELS > 0,
    ],
)
def test_label_maps_of_other_types_keep_their_labels(array, folder):
    save(folder / 'labels.png', array)
    expected = np.where(array == 65535, 255, array)
    np.testing.assert_array_equal(load(folder)['gt_seg_map'], expected)


def test_a_palette_keeps_the_numbers(folder):
    image = Image.frombytes('P', (8, 6), LABELS.tobytes())
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0] + [0] * 759)
    image.save(folder / 'labels.png')
    np.testing.assert_array_equal(load(folder)['gt_seg_map'], LABELS)


@pytest.mark.smoke
def test_a_label_map_in_jpeg_is_said_once(folder, capsys):
    for name in ('one.jpg', 'two.jpg'):
        save(folder / name, LABELS)
        assert find_wide_label(str(folder / name)) is None
    assert capsys.readouterr().err.count('is a JPEG file') <= 1


@pytest.mark.parametrize('content, reason', [(b'', 'is empty'), (b'x', 'failed to load')])
def test_an_image_that_cannot_be_read_is_named(content, reason, folder):
    (folder / 'image.png').write_bytes(content)
    with pytest.raises(UserError) as raised:
        load(folder)
    assert f'cannot read the image {folder}/image.png' in str(raised.value)
    assert reason in str(raised.value)


class LoadImage:
    def __call__(self, data):
        return data


class LoadMasks(LoadImage):
    with_mask = True


@pytest.mark.smoke
@pytest.mark.parametrize(
    'mask, reason',
    [
        ([[0, 0, 5, float('nan'), 5, 5]], 'mask of object 1[0][3] is NaN'),
        (dict(size=[9, 9], counts=[0, 81]), 'mask of object 1.size is [9, 9]'),
    ],
)
def test_masks_of_any_dataset_are_checked_before_native_code(mask, reason, tmp_path):
    (tmp_path / 'a.png').touch()
    sample = dict(
        img_path=str(tmp_path / 'a.png'),
        ori_shape=(6, 8),
        instances=[dict(mask=[[0, 0, 5, 0, 5, 5]]), dict(mask=mask)],
    )
    dataset = wrap(listed_dataset([sample], [LoadMasks()]))
    with pytest.raises(UserError) as raised:
        dataset.pipeline(sample)
    assert reason in str(raised.value)
    assert 'a.png' in str(raised.value)


@pytest.mark.smoke
@pytest.mark.parametrize('kind', ['missing', 'folder', 'loop', 'blank'])
def test_a_listed_file_that_is_not_there_is_named_before_the_first_step(kind, tmp_path):
    (tmp_path / 'a.png').touch()
    (tmp_path / 'link.png').symlink_to('a.png')
    (tmp_path / 'folder.png').mkdir()
    (tmp_path / 'loop.png').symlink_to('loop.png')
    path = tmp_path / dict(blank='.png').get(kind, f'{kind}.png')
    samples = [dict(img_path=str(tmp_path / name)) for name in ('a.png', 'link.png')]
    wrap(listed_dataset(samples, [LoadImage()]))
    samples += [dict(img_path=str(path))] * 2
    with pytest.raises(UserError) as raised:
        wrap(listed_dataset(samples, [LoadImage()]))
    assert f'{path}, which list.txt lists (sample 2)' in str(raised.value)
    assert '1 more is missing' in str(raised.value)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'name, shown',
    [
        ('a\0b/c.png', r'a\x00b/c.png'),
        ('\ud800/c.png', r'\ud800/c.png'),
        ('\x1b[2J.png', r'\x1b[2J.png'),
    ],
)
def test_a_name_that_no_file_can_have_is_shown_and_does_not_exist(name, shown):
    with pytest.raises(UserError) as raised:
        wrap(listed_dataset([dict(img_path=name)], [LoadImage()]))
    assert str(raised.value).startswith(f'{shown}, which list.txt lists')


@pytest.mark.smoke
def test_a_label_map_that_no_step_loads_may_be_missing(tmp_path):
    (tmp_path / 'a.png').touch()
    sample = dict(img_path=str(tmp_path / 'a.png'), seg_map_path='nowhere.png')
    wrap(listed_dataset([sample], [LoadImage()]))


@pytest.mark.parametrize(
    'text, words',
    [
        ('a.png 0\na.png\n', "entry 1 (['a.png'])"),
        ('a.png 0\n\n', "entry 1 ([''])"),
        ('a.png cat\n', "entry 0 (['a.png', 'cat'])"),
        ('', 'has no samples'),
    ],
)
def test_a_malformed_list_is_named_with_its_entry(text, words, tmp_path):
    from mmpretrain.datasets import CustomDataset

    (tmp_path / 'list.txt').write_text(text)
    runner = SimpleNamespace(
        build_dataloader=lambda _: CustomDataset(
            data_root=str(tmp_path), ann_file='list.txt'
        )
    )
    report_unreadable_files(runner)
    with pytest.raises(UserError) as raised:
        runner.build_dataloader({})
    assert f' cannot be built: {Path(tmp_path, "list.txt")}: ' in str(raised.value)
    assert words in str(raised.value)


@pytest.mark.smoke
def test_a_defect_of_a_dataset_of_the_user_keeps_its_traceback():
    def load_data_list(config):
        raise KeyError('mine')

    runner = SimpleNamespace(build_dataloader=load_data_list)
    report_unreadable_files(runner)
    with pytest.raises(KeyError, match='mine'):
        runner.build_dataloader({})
