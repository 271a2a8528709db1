"""The report of a run is written at its end, in place of an earlier report only."""

import logging
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmgroupmix.apis.report.classification import ClassificationCollector
from mmgroupmix.apis.report.hook import ReportHook, find_report, write_report

from .pages import Document, make_page
from .samples import CLASSES, classified

pytestmark = pytest.mark.smoke


class Images(torch.utils.data.Dataset):
    """Six images in memory, two of each class."""

    @property
    def metainfo(self):
        return dict(classes=CLASSES)

    def __len__(self):
        return 6

    def get_data_info(self, index):
        image = np.full((8, 8, 3), 40 * index, np.uint8)
        return dict(img=image, img_path=f'{index}.png', label=index % 3)

    def __getitem__(self, index):
        return dict(index=index)


class Classifier(BaseModel):
    """Always sure of the first class."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, index, mode='tensor'):
        if mode == 'loss':
            return dict(loss=self.weight.square().sum())
        scores = [0.7, 0.2, 0.1]
        return [classified(int(one) % 3, scores, f'{one}.png') for one in index]


@pytest.fixture
def run(tmp_path, request):
    """Train for two iterations with one validation, and return the runner."""
    from mmpretrain.evaluation import Accuracy

    def run(hook, resume=False):
        loader = dict(
            dataset=Images(),
            batch_size=2,
            num_workers=0,
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=False),
        )
        runner = Runner(
            Classifier(),
            str(tmp_path),
            log_level='ERROR',
            experiment_name=f'{request.node.name}_{resume}',
            train_dataloader=loader | dict(sampler=dict(type='InfiniteSampler')),
            train_cfg=dict(by_epoch=False, max_iters=2, val_interval=2),
            val_dataloader=loader,
            val_cfg={},
            val_evaluator=Evaluator(Accuracy(topk=1)),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False),
                logger=None,
            ),
            resume=resume,
        )
        runner.register_hook(hook)
        runner.train()
        return runner

    return run


def test_a_training_ends_with_the_report_of_its_validation(run, tmp_path):
    runner = run(ReportHook(ClassificationCollector, 'mmpretrain'))
    assert find_report(runner) == tmp_path / 'report.html'
    content = (tmp_path / 'report.html').read_bytes()
    (copy,) = tmp_path.glob('*/report.html')
    assert copy.read_bytes() == content
    document = Document(content)
    assert not document.unbalanced
    # Two of six images are of the first class.
    assert 'top-1 accuracy 33.33 %' in document.text['p']
    assert 'on 6 images' in ' '.join(document.text['p'])
    photos = [one['src'] for one in document.find('img')]
    assert len(photos) == len(set(photos)) == 6
    scores = document.text['b'][2::3]
    assert set(scores) == {'70.0 %', '20.0 %', '10.0 %'}


def test_a_finished_run_that_is_resumed_keeps_its_report(run, tmp_path):
    run(ReportHook(ClassificationCollector, 'mmpretrain'))
    before = (tmp_path / 'report.html').stat()
    runner = run(ReportHook(ClassificationCollector, 'mmpretrain'), resume=True)
    assert find_report(runner) is None
    assert (tmp_path / 'report.html').stat().st_mtime_ns == before.st_mtime_ns


class Unwritable(ClassificationCollector):
    def fill(self, evaluation, class_metrics):
        raise ZeroDivisionError('nothing to divide')


def test_a_report_that_fails_is_one_warning_and_the_run_goes_on(
    run, tmp_path, monkeypatch
):
    warned = []
    monkeypatch.setattr(
        logging.Logger, 'warning', lambda self, text, *_: warned.append(text)
    )
    runner = run(ReportHook(Unwritable, 'mmpretrain'))
    assert runner.iter == 2 and (tmp_path / 'iter_2.pth').exists()
    (text,) = [text for text in warned if 'report' in text]
    assert 'ZeroDivisionError: nothing to divide' in text
    assert not (tmp_path / 'report.html').exists()


def test_a_recording_that_cannot_start_is_a_warning_too(run, tmp_path, monkeypatch):
    warned = []
    monkeypatch.setattr(
        logging.Logger, 'warning', lambda self, text, *_: warned.append(text)
    )
    run(ReportHook(lambda meta, metrics: meta['absent'], 'mmpretrain'))
    assert any("KeyError: 'absent'" in text for text in warned)
    document = Document((tmp_path / 'report.html').read_bytes())
    assert 'top-1 accuracy 33.33 %' in document.text['p']


@pytest.fixture
def folders(tmp_path):
    log_dir = tmp_path / '20261130_120000'
    return SimpleNamespace(work_dir=str(tmp_path), log_dir=str(log_dir))


def test_a_file_that_is_not_a_report_stays_as_it_is(folders, tmp_path):
    (tmp_path / 'report.html').write_text('<h1>my own report</h1>')
    with pytest.raises(FileExistsError, match='stays as it is'):
        write_report(folders, make_page())
    assert (tmp_path / 'report.html').read_text() == '<h1>my own report</h1>'
    assert len(list(tmp_path.glob('*/report.html'))) == 1


def test_no_link_is_followed(folders, tmp_path):
    (tmp_path / 'target').write_text('of someone else')
    os.symlink(tmp_path / 'target', tmp_path / 'report.html')
    with pytest.raises(ValueError, match='is a link'):
        write_report(folders, make_page())
    assert (tmp_path / 'target').read_text() == 'of someone else'


def test_an_earlier_report_is_replaced(folders, tmp_path):
    write_report(folders, make_page(name='first'))
    write_report(folders, make_page(name='second'))
    assert Document((tmp_path / 'report.html').read_bytes()).text['h1'] == ['second']
    assert not list(tmp_path.glob('.*'))
