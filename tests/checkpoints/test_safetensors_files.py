"""Safetensors files are written whole or not at all, and read in every way."""

import json
import os

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open

from mmgroupmix.checkpoints import CheckpointError, read_checkpoint, write_safetensors
from mmgroupmix.checkpoints.reading import check_checkpoint, load_file

from .small_run import GOOD, load

pytestmark = pytest.mark.smoke

META = dict(
    dataset_meta=dict(classes=('a', 'b'), palette=[[1, 2, 3], [4, 5, 6]]),
    epoch=3,
    mmgroupmix_version='1.0',
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / 'model.safetensors'


def test_weights_and_classes_are_read_as_they_were_written(file):
    write_safetensors(file, GOOD, META)
    content = load_file(file)
    for key, value in GOOD.items():
        assert torch.equal(content['state_dict'][key], value)
    assert content['meta']['dataset_meta'] == dict(
        classes=('a', 'b'), palette=[(1, 2, 3), (4, 5, 6)]
    )
    assert read_checkpoint(file).keys() == GOOD.keys()
    assert load(file).linear.bias == 5


def test_other_programs_read_the_file(file):
    write_safetensors(file, GOOD, META)
    assert safetensors.torch.load_file(file).keys() == GOOD.keys()
    with safe_open(file, framework='pt') as opened:
        metadata = opened.metadata()
    assert json.loads(metadata['dataset_meta'])['classes'] == ['a', 'b']
    assert metadata['epoch'] == '3'


def test_tied_and_strided_weights_are_written(file):
    weight = torch.arange(6.0).reshape(2, 3)
    write_safetensors(file, dict(a=weight, b=weight, c=weight.T), {})
    tensors = read_checkpoint(file)
    assert torch.equal(tensors['a'], tensors['b'])
    assert torch.equal(tensors['c'], weight.T)


def test_numbers_of_numpy_in_the_classes_are_written(file):
    write_safetensors(file, GOOD, dict(dataset_meta=dict(palette=np.eye(3, dtype=int))))
    palette = load_file(file)['meta']['dataset_meta']['palette']
    assert palette == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]


def test_what_is_not_a_tensor_is_refused(file):
    with pytest.raises(CheckpointError, match='extra_state.*not tensors'):
        write_safetensors(file, dict(GOOD, extra_state={}), {})
    assert not file.exists()


def test_a_failed_write_leaves_the_earlier_file(file, monkeypatch):
    write_safetensors(file, GOOD, {})
    before = file.read_bytes()

    def fail(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OSError, match='No space'):
        write_safetensors(file, dict(a=torch.ones(9)), {})
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_file_of_another_name_is_recognised_by_its_content(file, tmp_path):
    write_safetensors(file, GOOD, {})
    file.rename(tmp_path / 'model.bin')
    assert read_checkpoint(tmp_path / 'model.bin').keys() == GOOD.keys()


@pytest.mark.parametrize(
    'head',
    [
        (2**62).to_bytes(8, 'little') + b'{}',
        (2**20).to_bytes(8, 'little') + b'{}',
        (20_000).to_bytes(8, 'little') + b'[' * 20_000,
        (2).to_bytes(8, 'little') + b'{}' + b'x',
        b'',
    ],
)
def test_a_header_that_is_not_true_is_refused(head, file):
    file.write_bytes(head)
    for read in (load_file, check_checkpoint):
        with pytest.raises(CheckpointError, match='Cannot read') as error:
            read(file)
        assert '\n' not in str(error.value)


@pytest.mark.parametrize('text', ['{', '[1]', '[' * 10_000, '1e999'])
def test_classes_that_are_not_json_are_refused(text, file):
    safetensors.torch.save_file(dict(GOOD), file, dict(dataset_meta=text))
    with pytest.raises(CheckpointError, match='Cannot read'):
        load_file(file)


def test_a_safetensors_file_is_not_resumed(file):
    write_safetensors(file, GOOD, META)
    check_checkpoint(file)
    with pytest.raises(CheckpointError, match='the state of a training'):
        check_checkpoint(file, is_resumed=True)
