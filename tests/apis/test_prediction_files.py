"""Parts of tools/infer.py: inputs, batches, result files, failures."""

import json
import signal
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData
from PIL import Image

from mmgroupmix.apis.inference.batching import iter_batches
from mmgroupmix.apis.inference.json_list import JsonListWriter
from mmgroupmix.apis.inference.reading import read_frames
from mmgroupmix.apis.inference.sources import find_sources
from mmgroupmix.apis.prediction import Prediction
from mmgroupmix.apis.tasks import CLASSIFICATION
from mmgroupmix.apis.tasks.detection import DetectionWriter, coco_category_ids
from mmgroupmix.errors import UserError

pytestmark = pytest.mark.smoke


def write_images(folder, *names, size=(40, 32)):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', size).save(folder / name)


def fail(name, reason):
    raise AssertionError(f'{name} was skipped: {reason}')


def test_a_json_list_can_be_parsed_after_every_addition(tmp_path):
    path = tmp_path / 'list.json'
    writer = JsonListWriter(path, '{"images": ', '}')
    assert json.loads(path.read_text()) == dict(images=[])
    writer.add(dict(a=1), dict(b='x'))
    assert json.loads(path.read_text()) == dict(images=[dict(a=1), dict(b='x')])
    writer.add()
    writer.add(3)
    assert json.loads(path.read_text()) == dict(images=[dict(a=1), dict(b='x'), 3])
    with pytest.raises(TypeError):
        writer.add(4, object())
    assert json.loads(path.read_text()) == dict(images=[dict(a=1), dict(b='x'), 3])
    writer.close()


def test_a_json_list_on_a_full_disk_ends_with_the_last_complete_addition(tmp_path):
    resource = pytest.importorskip('resource')
    path = tmp_path / 'list.json'
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    writer = JsonListWriter(path)
    added = 0
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        with pytest.raises(OSError):
            while added < 100:
                writer.add(*[dict(number=added, text='x' * 99)] * 7)
                added += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
        writer.close()
    assert 5 < added < 100
    assert [one['number'] for one in json.loads(path.read_text())] == [
        number for number in range(added) for _ in range(7)
    ]


def test_files_of_all_inputs_have_unique_names(tmp_path):
    write_images(
        tmp_path,
        'in/a/1.png',
        'in/a/1.jpg',
        'in/a/1.jpg.jpg',
        'in/b/1.jpg',
        'in/b/2.jpg',
        'in/b/text.jpg',
        'in/b/._1.jpg',
        'in/.hidden/1.jpg',
    )
    (tmp_path / 'in' / 'b' / 'notes.txt').write_text('text')
    sources = find_sources([str(tmp_path / 'in'), str(tmp_path / 'in' / 'b' / '*')])
    assert [source.name for source in sources] == [
        'a/1.jpg',
        'a/1.jpg.jpg',
        'a/1.png',
        'b/1.jpg',
        'b/2.jpg',
        'b/text.jpg',
    ]
    assert [source.stem for source in sources] == [
        'a/1.jpg',
        'a/1.jpg.jpg',
        'a/1.png',
        'b/1',
        'b/2',
        'b/text',
    ]


@pytest.mark.parametrize(
    'names, numbers',
    [
        (['000012.jpg', '7.jpg'], [12, 7]),
        # Ids must be unique: equal numbers in two folders do not count.
        (['a/1.jpg', 'b/1.jpg'], [None, None]),
        (['1.jpg', '001.png'], [None, None]),
        (['1.jpg', 'x.jpg'], [None, None]),
    ],
)
def test_images_are_numbered_by_file_names_only_if_all_are_unique(
    names, numbers, tmp_path
):
    write_images(tmp_path, *names)
    sources = find_sources([str(tmp_path / name) for name in names])
    assert [source.number for source in sources] == numbers
    ids = [frame.number for frame in read_frames(sources, fail)]
    assert ids == (numbers if numbers[0] else [1, 2])


def test_overlays_of_an_earlier_run_are_inputs_only_if_named(tmp_path):
    write_images(tmp_path, '1.jpg', 'out/2.jpg', 'out/overlays/1.jpg')
    outputs = [tmp_path / 'out' / 'overlays']
    assert [one.name for one in find_sources([str(tmp_path)], outputs)] == [
        '1.jpg',
        'out/2.jpg',
    ]
    (named,) = find_sources([str(outputs[0] / '1.jpg')], outputs)
    assert named.path == outputs[0] / '1.jpg'
    with pytest.raises(UserError, match='only overlays or label maps of an earlier run'):
        find_sources([str(outputs[0])], outputs)


def test_a_photograph_is_rotated_by_its_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated by 90 degrees
    Image.new('RGB', (40, 30)).save(tmp_path / 'turned.jpg', exif=exif)
    (frame,) = read_frames(find_sources([str(tmp_path)]), fail)
    assert frame.image.shape == (40, 30, 3)


def test_a_batch_contains_images_of_one_size(tmp_path):
    write_images(tmp_path, '1.png', '3.png', '5.png', '6.png', size=(40, 32))
    write_images(tmp_path, '2.png', '4.png', size=(32, 40))
    frames = read_frames(find_sources([str(tmp_path)]), fail)
    batches = [[p.name for p in batch] for batch in iter_batches(frames, 3)]
    assert batches == [['1.png', '3.png', '5.png'], ['6.png'], ['2.png', '4.png']]


class Inferencer:
    """Fails on batches that contain an image with the value 13."""

    classes = None

    def preprocess(self, images, batch_size):
        yield dict(inputs=images)

    def forward(self, data):
        values = [float(image[0, 0, 0]) for image in data['inputs']]
        if 13 in values:
            raise RuntimeError('a failing\nimage')
        return [SimpleNamespace(pred_score=torch.tensor([value])) for value in values]


@pytest.fixture
def start_run(tmp_path):
    """Start a run over images that are filled with these values."""
    with ExitStack() as stack:

        def start(*values):
            for number, value in enumerate(values):
                Image.new('RGB', (32, 32), (value,) * 3).save(
                    tmp_path / f'{number:02d}.png'
                )
            sources = find_sources([str(tmp_path)])
            run = Prediction(
                tmp_path / 'out',
                CLASSIFICATION,
                Inferencer(),
                sources,
                stack,
                score_thr=0.3,
                draws=False,
            )
            return run, list(read_frames(sources, run.skip))

        yield start


def read_json(path):
    return json.loads(path.read_text())


def test_the_other_images_of_a_failed_batch_are_predicted(start_run, tmp_path, capsys):
    run, frames = start_run(1, 13, 3)
    run.add(frames)
    run.finish()
    scores = [
        one['predictions'][0]['score']
        for one in read_json(tmp_path / 'out' / 'predictions.json')
    ]
    assert scores == [1, 3]
    assert read_json(tmp_path / 'out' / 'skipped.json') == [
        dict(
            file_name='01.png',
            reason='cannot be predicted: RuntimeError: a failing image',
        )
    ]
    message = capsys.readouterr().err
    assert message.count('a batch of 3 failed (RuntimeError: a failing image)') == 1


def test_failures_at_the_beginning_do_not_end_the_run(start_run):
    run, frames = start_run(13, 13, 5)
    for frame in frames:
        run.add([frame])
    run.finish()
    assert (run.num_predicted, run.num_skipped) == (1, 2)


def test_a_run_in_which_every_image_fails_ends_with_the_first_error(start_run):
    run, frames = start_run(*[13] * 9)
    with pytest.raises(RuntimeError, match='a failing'):
        for frame in frames:
            run.add([frame])
    assert run.num_skipped == 8
    run, frames = start_run(13)
    run.add(frames[:1])
    with pytest.raises(RuntimeError, match='a failing'):
        run.finish()


@pytest.mark.parametrize('with_boxes, ids', [(True, None), (False, [7, 21])])
def test_pycocotools_reads_the_masks_that_are_written(with_boxes, ids, tmp_path):
    mask_tools = pytest.importorskip('pycocotools.mask')
    pytest.importorskip('mmdet', reason='mmdet is not installed')
    write_images(tmp_path, '7.png', 'x.png')
    sources = find_sources([str(tmp_path)])
    masks = np.zeros((2, 32, 40), bool)
    masks[0, 3:9, 5:20] = masks[1, 10:, 30:] = True
    boxes = torch.tensor([[5.0, 3, 20, 9], [30, 10, 40, 32]])
    prediction = BaseDataElement(
        pred_instances=InstanceData(
            # SOLO and similar models predict masks only.
            bboxes=boxes if with_boxes else torch.zeros(2, 4),
            labels=torch.tensor([1, 0]),
            scores=torch.tensor([0.75, 0.5]),
            masks=torch.from_numpy(masks),
        )
    )
    meta = dict(classes=('cat', 'dog'), category_ids=ids, category_source='a.json')
    inferencer = SimpleNamespace(model=SimpleNamespace(dataset_meta=meta))
    files = DetectionWriter(tmp_path / 'out', inferencer)
    for frame in read_frames(sources, fail):
        files.add(frame, prediction)
    files.close()
    images = json.loads((tmp_path / 'out' / 'images.json').read_text())['images']
    assert images == [
        dict(id=1, file_name='7.png', width=40, height=32),
        dict(id=2, file_name='x.png', width=40, height=32),
    ]
    entries = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
    # Not every name is a number, so images are counted.
    assert [entry['image_id'] for entry in entries] == [1, 1, 2, 2]
    cat, dog = ids or (1, 2)
    assert [entry['category_id'] for entry in entries] == [dog, cat, dog, cat]
    source = 'those of a.json' if ids else 'counted from 1'
    assert f'category ids {source}' in files.describe(sources)[1]
    assert entries[0]['bbox'] == [5, 3, 15, 6] and entries[0]['score'] == 0.75
    for entry, mask in zip(entries, masks):
        np.testing.assert_array_equal(mask_tools.decode(entry['segmentation']), mask)


def test_coco_has_eighty_categories_between_1_and_90():
    ids = coco_category_ids()
    datasets = pytest.importorskip('mmdet.datasets')
    by_name = dict(zip(datasets.CocoDataset.METAINFO['classes'], ids))
    assert len(ids) == 80
    # From COCO's own annotation files.
    assert [
        by_name[name]
        for name in (
            'person',
            'fire hydrant',
            'stop sign',
            'backpack',
            'umbrella',
            'wine glass',
            'dining table',
            'toilet',
            'tv',
            'book',
            'toothbrush',
        )
    ] == [1, 11, 13, 27, 28, 46, 67, 70, 72, 84, 90]
