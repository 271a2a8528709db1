"""Images with label maps: every pixel keeps the name of its class, as mmseg reads it."""

import numpy as np
import pytest
from PIL import Image

from mmgroupmix.errors import UserError

from .folders import CLASSES, COLOURS, draw, list_contents, write_label_maps
from .preparing import DETECTOR, SEGMENTOR, build_dataset, prepare

pytestmark = pytest.mark.smoke

NAMES = ('background', *CLASSES)
#: Not the order of the classes, nor that of their numbers.
MAP_COLOURS = np.array([(0, 0, 0), (0, 0, 128), (128, 64, 0), (0, 128, 128)], np.uint8)


def save_colours(labels, path):
    Image.fromarray(MAP_COLOURS[labels]).save(path)


def save_palette(labels, path):
    image = Image.fromarray(labels)
    image.putpalette(MAP_COLOURS.ravel().tolist())
    image.save(path)


def save_own_palettes(labels, path):
    """As Pillow's quantize: each file has a palette of its own order."""
    order = np.random.default_rng(len(list(path.parent.iterdir()))).permutation(4)
    image = Image.fromarray(np.argsort(order).astype(np.uint8)[labels])
    image.putpalette(MAP_COLOURS[order].ravel().tolist())
    image.save(path)


def save_blurred(labels, path):
    """With colours between those of two classes, as an outline that was resized."""
    array = MAP_COLOURS[labels]
    array[0, :20] = (np.arange(1, 21)[:, None] * (6, 3, 1)).astype(np.uint8)
    Image.fromarray(array).save(path)


def write_labelmap(root):
    lines = ['# label:color_rgb:parts:actions']
    order = (2, 0, 3, 1)  # CVAT sorts by name
    for i in order:
        r, g, b = MAP_COLOURS[i]
        lines.append(f'{NAMES[i]}:{r},{g},{b}::')
    (root / 'labelmap.txt').write_text('\n'.join(lines))


def write_cvat(root):
    write_label_maps(root / 'JPEGImages', root / 'SegmentationClass', save=save_colours)
    (root / 'SegmentationObject').mkdir()
    Image.new('RGB', (96, 96)).save(root / 'SegmentationObject' / 'p0.png')
    write_labelmap(root)


def write_labelme(root):
    maps = root / 'SegmentationClassPNG'
    write_label_maps(root / 'JPEGImages', maps, save=save_palette)
    (root / 'SegmentationClassVisualization').mkdir()
    Image.new('RGB', (96, 96)).save(root / 'SegmentationClassVisualization' / 'p0.jpg')
    text = '\n'.join(('_background_', *CLASSES))
    (root / 'class_names.txt').write_text(text)


def write_other_palettes(root):
    write_label_maps(root / 'images', root / 'labels', save=save_own_palettes)
    write_labelmap(root)


def write_blurred(root):
    write_label_maps(root / 'images', root / 'labels', save=save_blurred)
    write_labelmap(root)


def write_roboflow(root):
    for seed, split in enumerate(('train', 'valid', 'test')):
        folder = root / split
        write_label_maps(folder, folder, seed=seed, label='p{}_mask.png')
        rows = [f'{i}, {name}' for i, name in enumerate(NAMES)]
        (folder / '_classes.csv').write_text('\n'.join(['Pixel Value, Class', *rows]))


def write_nested(root):
    for seed, split in enumerate(('training', 'validation')):
        maps = root / 'annotations' / split
        write_label_maps(root / 'images' / split, maps, seed=seed)
    (root / 'classes.txt').write_text('\n'.join(NAMES))


def write_camvid(root):
    for seed, split in enumerate(('train', 'val')):
        write_label_maps(root / split, root / f'{split}annot', seed=seed, image='p{}.png')
    (root / 'classes.txt').write_text('\n'.join(CLASSES))  # 0 is not among them


def write_lists(root):
    write_label_maps(
        root / 'JPEGImages',
        root / 'SegmentationClass',
        image='a photo {}.JPG',
        label='a photo {}.png',
    )
    folder = root / 'ImageSets' / 'Segmentation'
    folder.mkdir(parents=True)
    for split, numbers in (('train', (0, 2, 3, 5)), ('val', (1, 4))):
        lines = ''.join(f'a photo {i}\n' for i in numbers)
        (folder / f'{split}.txt').write_text(lines)
    (root / 'classes.txt').write_text('\n'.join(NAMES))


def write_from_one(root):
    def save(labels, path):
        Image.fromarray(labels + 1).save(path)

    write_label_maps(root / 'images', root / 'labels', save=save)
    (root / 'classes.txt').write_text('\n'.join(NAMES))


def write_mixed_suffixes(root):
    write_label_maps(root / 'photos', root / 'gt')
    for path in sorted((root / 'photos').iterdir())[::2]:
        Image.open(path).convert('RGBA').save(path.with_suffix('.PNG'))
        path.unlink()
    (root / 'classes.txt').write_text('\n'.join(NAMES))


@pytest.mark.parametrize(
    'write',
    [
        write_cvat,
        write_labelme,
        write_other_palettes,
        write_blurred,
        write_roboflow,
        write_nested,
        write_camvid,
        write_lists,
        write_from_one,
        write_mixed_suffixes,
    ],
)
def test_every_pixel_has_the_name_of_its_object(write, tmp_path):
    write(tmp_path / 'data')
    before = list_contents(tmp_path / 'data')
    cfg, _ = prepare(SEGMENTOR, tmp_path / 'data', tmp_path / 'run')
    seen = {}
    for split in ('train', 'val', 'test'):
        dataset = build_dataset(cfg, split)
        names = np.array(dataset.metainfo['classes'])
        (load,) = [t for t in dataset.pipeline.transforms if hasattr(t, 'with_seg')]
        for i in range(len(dataset)):
            sample = load(dataset.get_data_info(i))
            seen.setdefault(sample['img_path'], set()).add(split)
            image = Image.open(sample['img_path']).convert('RGB')
            pixels = np.asarray(image).astype(int)
            for name, colour in zip(CLASSES, COLOURS):
                # JPEG changes colours a little, most at the edges.
                inside = np.abs(pixels - colour).max(-1) < 12
                labels = sample['gt_seg_map'][inside]
                labels = labels[labels != 255]
                assert inside.any() and (names[labels] == name).mean() > 0.9
        assert {name.strip('_') for name in names.tolist()} == set(NAMES)
        assert cfg.model.decode_head.num_classes == len(names)
    pairs = sum(path.name.startswith(('p', 'a photo')) for path in before)
    extra = sum('Object' in str(path) or 'Visual' in str(path) for path in before)
    assert len(seen) == (pairs - extra) / 2
    assert not [path for path, splits in seen.items() if {'train', 'val'} <= splits]
    assert list_contents(tmp_path / 'data') == before


@pytest.mark.parametrize('mode', ['L', 'RGB', 'RGBA'])
def test_white_is_a_class_and_not_ignored(mode, tmp_path):
    def save(labels, path):
        grey = Image.fromarray((labels > 0).astype(np.uint8) * 255)
        grey.convert(mode).save(path)

    write_label_maps(tmp_path / 'images', tmp_path / 'masks', save=save)
    cfg, report = prepare(SEGMENTOR, tmp_path, tmp_path / 'run')
    dataset = build_dataset(cfg, 'train')
    sample = dataset.pipeline.transforms[1](dataset.get_data_info(0))
    number = int(dataset.get_data_info(0)['img_path'][-5])
    assert ((sample['gt_seg_map'] == 1) == (draw(number)[1] > 0)).all()
    assert 'white (255) is taken as class 1, not as ignored' in report


def test_grey_edges_of_black_and_white_label_maps_are_not_classes(tmp_path):
    def save(labels, path):
        grey = (labels > 0).astype(np.uint8) * 255
        grey[0, :20] = np.arange(10, 210, 10)
        Image.fromarray(grey).save(path)

    write_label_maps(tmp_path / 'images', tmp_path / 'masks', save=save)
    cfg, report = prepare(SEGMENTOR, tmp_path, tmp_path / 'run')
    assert cfg.model.decode_head.num_classes == 2
    assert '20 grey levels (blurred outlines)' in ' '.join(report.split())
    dataset = build_dataset(cfg, 'train')
    labels = dataset.pipeline.transforms[1](dataset.get_data_info(0))['gt_seg_map']
    assert labels[0, :20].tolist() == [0] * 12 + [1] * 8


@pytest.mark.parametrize('mode', ['L', 'RGB', 'I;16', '1', 'F'])
def test_numbers_in_any_kind_of_file_are_labels(mode, tmp_path):
    def save(labels, path):
        labels = (labels > 0).astype(np.uint8) if mode == '1' else labels
        if mode in ('I;16', 'F'):
            kind = np.uint16 if mode == 'I;16' else np.float32
            Image.fromarray(labels.astype(kind)).save(path, format='TIFF')
        elif mode == '1':
            Image.fromarray(labels > 0).save(path)
        else:
            Image.fromarray(labels).convert(mode).save(path)

    write_label_maps(tmp_path / 'images', tmp_path / 'masks', save=save)
    cfg, _ = prepare(SEGMENTOR, tmp_path, tmp_path / 'run')
    dataset = build_dataset(cfg, 'val')
    sample = dataset.pipeline.transforms[-2](dataset.get_data_info(0))
    labels = draw(int(sample['img_path'][-5]))[1]
    expected = labels > 0 if mode == '1' else labels
    assert (sample['gt_seg_map'] == expected).all()


def test_several_names_for_one_thing_are_refused(tmp_path):
    write_cvat(tmp_path)
    (tmp_path / 'label_colors.txt').write_text('0 0 0 ground\n0 0 128 sky')
    with pytest.raises(UserError, match=r'labelmap\.txt.* list different classes'):
        prepare(SEGMENTOR, tmp_path, tmp_path / 'run')


def leave_out_a_colour(root):
    lines = (root / 'labelmap.txt').read_text().splitlines()
    (root / 'labelmap.txt').write_text('\n'.join(lines[:-1]))


def name_without_colours(root):
    (root / 'labelmap.txt').unlink()
    (root / 'classes.txt').write_text('\n'.join(NAMES))


def compress(root):
    for path in (root / 'SegmentationClass').iterdir():
        Image.open(path).save(path.with_suffix('.jpg'))
        path.unlink()


def clear(root):
    (root / 'labelmap.txt').unlink()
    for path in (root / 'SegmentationClass').iterdir():
        Image.new('L', (96, 96)).save(path)


def truncate(root):
    path = root / 'SegmentationClass' / 'p3.png'
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    'change, named',
    [
        (leave_out_a_colour, r'labelmap.txt does not list: (0, 0, 128)'),
        (name_without_colours, 'classes.txt does not say which class has which'),
        (compress, '6 label maps are JPEG or WebP files'),
        (clear, 'every label map holds only the value 0'),
        (truncate, 'p3.png cannot be read'),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(change, named, tmp_path):
    write_cvat(tmp_path / 'data')
    change(tmp_path / 'data')
    with pytest.raises(UserError) as error:
        prepare(SEGMENTOR, tmp_path / 'data', tmp_path / 'run')
    assert named in str(error.value)


def test_a_detector_is_told_what_label_maps_fit(tmp_path):
    write_labelme(tmp_path)
    with pytest.raises(UserError, match='sem_fpn_poolformer_s12_ade20k'):
        prepare(DETECTOR, tmp_path, tmp_path / 'run')


def test_a_folder_around_all_files_says_nothing_about_them(tmp_path):
    data = tmp_path / 'data' / 'Kvasir-SEG'
    write_label_maps(data / 'images', data / 'masks')
    cfg, _ = prepare(SEGMENTOR, tmp_path / 'data', tmp_path / 'run')
    assert len(build_dataset(cfg, 'train')) == 5
