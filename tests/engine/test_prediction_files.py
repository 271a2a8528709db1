"""What tools/infer.py reads and writes, piece by piece."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from PIL import Image

from mmgroupmix.engine.image_sources import Picture, find_sources, read_pictures
from mmgroupmix.engine.inference import _batches, _predict
from mmgroupmix.engine.prediction_files import (
    DetectionFiles,
    GrowingJson,
    coco_category_ids,
)
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


def write_images(folder, *names, size=(40, 32)):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size).save(folder / name)


def fail(name, reason):
    raise AssertionError(f'{name} was skipped: {reason}')


def test_a_growing_list_parses_after_every_addition(tmp_path):
    path = tmp_path / 'list.json'
    grown = GrowingJson(path, '{"images": ', '}')
    assert json.loads(path.read_text()) == dict(images=[])
    grown.add(dict(a=1), dict(b='x'))
    assert json.loads(path.read_text()) == dict(images=[dict(a=1), dict(b='x')])
    grown.add()
    grown.add(3)
    assert json.loads(path.read_text()) == dict(images=[dict(a=1), dict(b='x'), 3])
    grown.close()


def test_files_of_all_inputs_have_names_of_their_own(tmp_path):
    write_images(
        tmp_path, 'in/a/1.png', 'in/a/1.jpg', 'in/b/1.jpg', 'in/b/2.jpg', 'in/b/text.jpg')
    (tmp_path / 'in' / 'b' / 'notes.txt').write_text('text')
    sources = find_sources(
        [str(tmp_path / 'in'), str(tmp_path / 'in' / 'b' / '*.jpg')], tmp_path / 'out')
    assert [source.name for source in sources] == [
        'a/1.jpg', 'a/1.png', 'b/1.jpg', 'b/2.jpg', 'b/text.jpg']
    assert [source.stem for source in sources] == [
        'a/1.jpg', 'a/1.png', 'b/1', 'b/2', 'b/text']


def test_our_own_outputs_below_the_input_are_no_input(tmp_path):
    write_images(tmp_path, '1.jpg', 'out/overlays/1.jpg')
    source, = find_sources([str(tmp_path)], tmp_path / 'out')
    assert source.name == '1.jpg'
    with pytest.raises(UserError, match='nothing but former outputs'):
        find_sources([str(tmp_path / 'out')], tmp_path / 'out')


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new('RGB', (40, 30)).save(tmp_path / 'turned.jpg', exif=exif)
    picture, = read_pictures(find_sources([str(tmp_path)], tmp_path / 'out'), fail)
    assert picture.image.shape == (40, 30, 3)


def test_a_batch_holds_images_of_one_size(tmp_path):
    write_images(tmp_path, '1.png', '3.png', '5.png', '6.png', size=(40, 32))
    write_images(tmp_path, '2.png', '4.png', size=(32, 40))
    pictures = read_pictures(find_sources([str(tmp_path)], tmp_path / 'out'), fail)
    batches = [[p.name for p in batch] for batch in _batches(pictures, 3)]
    assert batches == [['1.png', '3.png', '5.png'], ['6.png'], ['2.png', '4.png']]


class Inferencer:
    """Fails on batches that hold an image with the value 13."""

    def preprocess(self, images, batch_size):
        yield dict(inputs=images)

    def forward(self, data):
        if any(image[0, 0, 0] == 13 for image in data['inputs']):
            raise RuntimeError('an unlucky\nimage')
        return [int(image[0, 0, 0]) for image in data['inputs']]


def pictures_of(*values):
    source = SimpleNamespace(name='x', stem='x')
    return [Picture(source, number, np.full((32, 32, 3), value, np.uint8))
            for number, value in enumerate(values, start=1)]


def test_an_image_that_fails_does_not_take_its_batch_along():
    told = []
    pairs = _predict(
        Inferencer(), pictures_of(1, 13, 3), lambda *one: told.append(one), go_on=False)
    assert [prediction for _, prediction in pairs] == [1, 3]
    assert told == [('x', 'cannot be predicted: RuntimeError: an unlucky image')]


def test_a_model_that_predicts_nothing_at_all_keeps_its_error():
    with pytest.raises(RuntimeError, match='unlucky'):
        _predict(Inferencer(), pictures_of(13, 13), fail, go_on=False)
    told = []
    assert _predict(
        Inferencer(), pictures_of(13, 13), lambda *one: told.append(one), True) == []
    assert len(told) == 2


def test_masks_are_written_so_that_pycocotools_reads_them(tmp_path):
    mask_tools = pytest.importorskip('pycocotools.mask')
    pytest.importorskip('mmdet', reason='mmdet is not installed')
    write_images(tmp_path, '7.png', 'x.png')
    sources = find_sources([str(tmp_path)], tmp_path / 'out')
    masks = np.zeros((2, 32, 40), bool)
    masks[0, 3:9, 5:20] = masks[1, 10:, 30:] = True
    prediction = SimpleNamespace(pred_instances=InstanceData(
        bboxes=torch.tensor([[5., 3, 20, 9], [30, 10, 40, 32]]),
        labels=torch.tensor([1, 0]), scores=torch.tensor([0.75, 0.5]),
        masks=torch.from_numpy(masks)))
    inferencer = SimpleNamespace(
        model=SimpleNamespace(dataset_meta=dict(classes=('cat', 'dog'))))
    files = DetectionFiles(tmp_path / 'out', inferencer, sources)
    for picture in read_pictures(sources, fail):
        files.add(picture, prediction)
    files.close()
    entries = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
    # Not every name is a number, so images are counted.
    assert [entry['image_id'] for entry in entries] == [1, 1, 2, 2]
    assert [entry['category_id'] for entry in entries] == [2, 1, 2, 1]
    assert entries[0]['bbox'] == [5, 3, 15, 6] and entries[0]['score'] == 0.75
    for entry, mask in zip(entries, masks):
        np.testing.assert_array_equal(mask_tools.decode(entry['segmentation']), mask)


def test_coco_has_eighty_categories_between_1_and_90():
    ids = coco_category_ids()
    datasets = pytest.importorskip('mmdet.datasets')
    by_name = dict(zip(datasets.CocoDataset.METAINFO['classes'], ids))
    assert len(ids) == 80
    # From COCO's own annotation files.
    assert [by_name[name] for name in (
        'person', 'fire hydrant', 'stop sign', 'backpack', 'umbrella', 'wine glass',
        'dining table', 'toilet', 'tv', 'book', 'toothbrush')] == [
            1, 11, 13, 27, 28, 46, 67, 70, 72, 84, 90]
