"""JSON that every reader accepts: without NaN, and whole after signals and full disks."""

import errno
import json
import signal
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from PIL import Image

from mmgroupmix.apis.inference.interruption import defer_signals
from mmgroupmix.apis.inference.json_list import (
    JsonListWriter,
    NonFinitePredictionError,
    to_json,
)
from mmgroupmix.apis.inference.overlay_files import OverlayFiles
from mmgroupmix.apis.inference.reading import read_frames
from mmgroupmix.apis.inference.sources import find_sources
from mmgroupmix.apis.prediction import Prediction
from mmgroupmix.apis.tasks import CLASSIFICATION, DETECTION, SEGMENTATION
from mmgroupmix.engine.hooks.curves import format_metrics

pytestmark = pytest.mark.smoke

INF, NAN = float('inf'), float('nan')


def refuse_constant(name):
    raise AssertionError(f'{name} is not JSON')


def read_strictly(path):
    return json.loads(path.read_text(), parse_constant=refuse_constant)


@pytest.mark.parametrize('value', [NAN, INF, -INF, dict(a=[1, NAN])])
def test_nothing_is_written_of_an_entry_that_is_not_a_number(value, tmp_path):
    writer = JsonListWriter(tmp_path / 'list.json')
    writer.add(1)
    with pytest.raises(NonFinitePredictionError):
        writer.add(2, value)
    writer.add(3)
    assert read_strictly(tmp_path / 'list.json') == [1, 3]
    with pytest.raises(NonFinitePredictionError):
        to_json(value)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_during_an_addition_act_when_it_is_complete(
    number, tmp_path, monkeypatch
):
    class Terminated(BaseException):
        pass

    def terminate(*_):
        raise Terminated

    before = signal.signal(number, terminate)
    writer = JsonListWriter(tmp_path / 'list.json')
    write = writer.file.write

    def write_in_pieces(text):
        signal.raise_signal(number)  # for every byte, so also a second and third time
        return write(text[:1])

    writer.file = SimpleNamespace(
        write=write_in_pieces,
        seek=writer.file.seek,
        truncate=writer.file.truncate,
        close=writer.file.close,
    )
    try:
        for entry in ('first', 'second'):
            with pytest.raises(Terminated):
                writer.add(entry)
        assert signal.getsignal(number) is terminate
    finally:
        signal.signal(number, before)
        writer.close()
    assert read_strictly(tmp_path / 'list.json') == ['first', 'second']


def test_the_handlers_are_restored_after_an_error():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError), defer_signals():
        raise ZeroDivisionError
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert after == before


def test_a_file_that_cannot_be_begun_is_removed(tmp_path):
    resource = pytest.importorskip('resource')
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, before[1]))
        with pytest.raises(OSError) as raised:
            JsonListWriter(tmp_path / 'list.json', '{"images": ', '}')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert raised.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def detect(score=0.5, left=1.0):
    return BaseDataElement(
        pred_instances=InstanceData(
            bboxes=torch.tensor([[1.0, 2, 9, 9], [left, 2, 9, 9]]),
            scores=torch.tensor([0.9, score]),
            labels=torch.tensor([0, 1]),
        )
    )


def classify(*scores):
    return SimpleNamespace(pred_score=torch.tensor(scores))


def segment(has_nan):
    labels = PixelData(data=torch.zeros(1, 32, 40, dtype=torch.int64))
    sample = BaseDataElement(pred_sem_seg=labels)
    sample.set_metainfo(dict(nan_logits=has_nan))
    return sample


@pytest.mark.parametrize(
    'task, bad, good',
    [
        (DETECTION, detect(score=NAN), detect()),
        (DETECTION, detect(left=NAN), detect()),
        (DETECTION, detect(left=-INF), detect()),
        (CLASSIFICATION, classify(NAN, NAN), classify(0.25, 0.75)),
        (CLASSIFICATION, classify(0.1, 0.2, 0.3, 0.4, 0.5, -INF), classify(0.25, 0.75)),
        (SEGMENTATION, segment(True), segment(False)),
    ],
)
def test_an_image_whose_prediction_is_not_a_number_is_skipped(task, bad, good, tmp_path):
    pytest.importorskip(task.toolbox)
    for name in ('1.png', '2.png', '3.png'):
        Image.new('RGB', (40, 32)).save(tmp_path / name)
    out = tmp_path / 'out'
    meta = dict(classes=('cat', 'dog'), palette=[[0, 0, 0], [1, 1, 1]])
    predictions = iter([good, bad, good])
    inferencer = SimpleNamespace(
        model=SimpleNamespace(dataset_meta=meta),
        classes=None,
        preprocess=lambda images, batch_size: [dict(inputs=images)],
        forward=lambda data: [next(predictions)],
    )
    sources = find_sources([str(tmp_path)])
    with ExitStack() as stack:
        run = Prediction(
            out, task, inferencer, sources, stack, score_thr=0.3, draws=False
        )
        for frame in read_frames(sources, run.skip):
            run.add([frame])
        run.finish()
    (skipped,) = read_strictly(out / 'skipped.json')
    assert skipped['file_name'] == '2.png'
    assert 'the prediction cannot be written: its ' in skipped['reason']
    listed = read_strictly(
        out / ('images.json' if task is DETECTION else 'predictions.json')
    )
    listed = listed['images'] if isinstance(listed, dict) else listed
    assert [entry['file_name'] for entry in listed] == ['1.png', '3.png']
    predictions = read_strictly(out / 'predictions.json')
    assert len(predictions) == (4 if task is DETECTION else 2)
    if task is SEGMENTATION:
        assert not (out / 'label_maps' / '2.png').exists()


@pytest.mark.parametrize(
    'metrics, expected',
    [
        (
            dict(mIoU=NAN, aAcc=12.0),
            'mIoU undefined: no labelled objects to compare with',
        ),
        (
            {'coco/bbox_mAP': -1.0},
            'box AP undefined: no labelled objects to compare with',
        ),
        ({'mIoU': np.float64(0)}, 'mIoU 0.00 %'),
    ],
)
def test_a_metric_without_a_value_is_not_shown_as_a_percentage(metrics, expected):
    assert format_metrics(metrics) == expected


@pytest.mark.parametrize('room', [0, 300])
def test_no_half_of_an_image_stays_on_a_full_disk(room, tmp_path):
    resource = pytest.importorskip('resource')
    Image.effect_noise((40, 32), 90).save(tmp_path / '1.png')
    (frame,) = read_frames(find_sources([str(tmp_path)]), print)
    random = np.random.default_rng(0)
    labels = torch.from_numpy(random.integers(0, 2, (1, 320, 400)))
    prediction = BaseDataElement(pred_sem_seg=PixelData(data=labels))
    meta = dict(classes=('cat', 'dog'), palette=[[0, 0, 0], [1, 1, 1]])
    inferencer = SimpleNamespace(model=SimpleNamespace(dataset_meta=meta))
    out = tmp_path / 'out'
    writer, overlays = SEGMENTATION.result_writer(out, inferencer), OverlayFiles(out)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        with pytest.raises(OSError):
            writer.add(frame, prediction)
        with pytest.raises(OSError):
            overlays.add(frame, frame.image)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
        writer.close()
    files = [path.name for path in out.rglob('*') if path.is_file()]
    assert files == ['predictions.json']
    assert read_strictly(out / 'predictions.json')['images'] == []
