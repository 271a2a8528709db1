"""What several processes record is what one process would have recorded."""

import pickle
import threading

import numpy as np
import pytest

from mmgroupmix.apis.report import recorder as module
from mmgroupmix.apis.report.classification import ClassificationCollector
from mmgroupmix.apis.report.collector import Collector
from mmgroupmix.apis.report.detection import DetectionCollector
from mmgroupmix.apis.report.recorder import Recorder
from mmgroupmix.apis.report.segmentation import SegmentationCollector

from .samples import CLASSES, classified, draw_detections, draw_instances, segmented

pytestmark = pytest.mark.smoke

META = dict(classes=CLASSES)
NUM_IMAGES = 31


class Entries:
    """A dataset of which only the entries are known."""

    def __init__(self, entries):
        self.entries = entries

    def __len__(self):
        return len(self.entries)

    def get_data_info(self, index):
        return self.entries[index]


def make_samples(kind):
    """Samples and entries of a dataset of NUM_IMAGES images."""
    rng = np.random.default_rng(0)
    samples, entries = [], []
    for i in range(NUM_IMAGES):
        path = f'photos/{i}.png'
        entry = dict(img_path=path, img_id=i)
        if kind is SegmentationCollector:
            truth, prediction = rng.integers(0, 3, (2, 6, 6))
            sample = segmented(truth, prediction, path)
        elif kind is ClassificationCollector:
            scores = rng.dirichlet(np.ones(3)).astype(np.float32)
            sample = classified(int(rng.integers(3)), scores, path)
        else:
            sample = draw_detections(rng, 9, path=path, number=i)
            entry['instances'] = draw_instances(rng, 4)
        samples.append(sample)
        entries.append(entry)
    return samples, Entries(entries)


def record_with_threads(kind, samples, dataset, monkeypatch, ranks):
    """One recorder for each rank, fed as mmengine's sampler deals images out."""
    rank, barrier, shared = threading.local(), threading.Barrier(ranks), {}

    def all_gather_object(value):
        shared[rank.value] = pickle.dumps(value)  # a copy, as by any backend
        barrier.wait(10)
        gathered = [pickle.loads(shared[i]) for i in range(ranks)]
        barrier.wait(10)
        return gathered

    monkeypatch.setattr(module, 'get_rank', lambda: rank.value)
    monkeypatch.setattr(module, 'get_world_size', lambda: ranks)
    monkeypatch.setattr(module, 'all_gather_object', all_gather_object)
    recorders = [Recorder(kind(META, []), dataset, {}) for _ in range(ranks)]

    def run(number):
        rank.value = number
        # Every rank gets as many images: the first ones again for the last ranks.
        indices = range(number, -(-len(samples) // ranks) * ranks, ranks)
        recorders[number].add([samples[i % len(samples)] for i in indices])
        recorders[number].gather()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return recorders[0]


@pytest.mark.parametrize(
    'kind', [SegmentationCollector, ClassificationCollector, DetectionCollector]
)
def test_ranks_record_together_what_one_records_alone(kind, monkeypatch):
    samples, dataset = make_samples(kind)
    alone = Recorder(kind(META, []), dataset, {})
    alone.add(samples)
    together = record_with_threads(kind, samples, dataset, monkeypatch, 4)
    assert not alone.failure and not together.failure
    expected = alone.collector.summarize(lambda image: None, {})
    actual = together.collector.summarize(lambda image: None, {})
    assert expected.num_images == actual.num_images == NUM_IMAGES
    assert sorted(actual.tables[0].rows) == sorted(expected.tables[0].rows)
    np.testing.assert_array_equal(actual.confusion.counts, expected.confusion.counts)
    assert len(expected.best) == len(expected.worst) == 12
    assert actual.best == expected.best and actual.worst == expected.worst


def test_labels_of_detectors_are_found_also_in_an_order_of_their_own():
    samples, dataset = make_samples(DetectionCollector)
    recorders = [Recorder(DetectionCollector(META, []), dataset, {}) for _ in range(2)]
    recorders[0].add(samples)
    recorders[1].add(samples[::-1])
    first, second = (one.collector.matrix for one in recorders)
    np.testing.assert_array_equal(first, second)


class BrokenCollector(Collector):
    score_name = 'nothing'

    def measure(self, sample, find_info):
        raise IndexError('index 9 is out of bounds')

    def fill(self, evaluation, class_metrics):
        raise NotImplementedError

    def draw(self, content):
        raise NotImplementedError


def test_what_fails_in_a_recording_ends_it_and_is_named_in_the_report():
    samples, dataset = make_samples(ClassificationCollector)
    broken = Recorder(BrokenCollector(META, []), dataset, {})
    broken.add(samples)
    assert broken.collector.num_images == 1
    (note,) = broken.summarize().notes
    assert 'IndexError: index 9 is out of bounds' in note


def test_a_process_that_fails_leaves_none_of_the_others_waiting(monkeypatch):
    samples, dataset = make_samples(ClassificationCollector)
    together = record_with_threads(BrokenCollector, samples, dataset, monkeypatch, 2)
    assert 'IndexError' in together.failure
