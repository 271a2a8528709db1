"""Damaged and random files are read, or refused in one line; nothing else happens.

``MMGROUPMIX_FUZZ_CASES=20000 python -m pytest tests/checkpoints/test_fuzz.py`` tries more
files than the suite does, and ``MMGROUPMIX_FUZZ_SEED=7`` others.
"""

import io
import os
import pickle
import random
import resource
import zipfile
from argparse import Namespace

import pytest
import safetensors.torch
import torch

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.checkpoints.reading import load_file

from .hostile_files import write_legacy, write_zip
from .small_run import GOOD

NUM_CASES = int(os.environ.get('MMGROUPMIX_FUZZ_CASES', 10000))
SEED = os.environ.get('MMGROUPMIX_FUZZ_SEED', '0')
#: A damaged file of some kilobytes must not take more; the peak grows a little by itself.
MAX_MEMORY = 300 * 2**20


@pytest.fixture(scope='module')
def originals(saved):
    """Contents of real files, by format."""
    training = dict(saved(), args=Namespace(lr=0.1, names=['a', 'b']))

    # without the state of the optimizer, whose storages would need records
    weights = {k: v for k, v in training.items() if k != 'optimizer'}

    def save(content, **options):
        buffer = io.BytesIO()
        torch.save(content, buffer, **options)
        return buffer.getvalue()

    def pickle_of(content):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read('archive/data.pkl')

    return dict(
        zip=save(training),
        legacy=save(training, _use_new_zipfile_serialization=False),
        safetensors=safetensors.torch.save(dict(GOOD), dict(dataset_meta='{"a": [1]}')),
        # In a zip file, checksums would reveal most of the damage to the pickle.
        zip_pickle=pickle_of(save(weights)),
        zip_pickle_5=pickle_of(save(weights, pickle_protocol=5)),
        legacy_pickle=pickle.dumps(dict(a=[1, 'x', (2.5, None)], b={1: 2})),
    )


def damage(data, rng):
    """One of the damages that disks, networks and malice do."""
    data = bytearray(data)
    kind = rng.randrange(6)
    if kind == 0:
        return bytes(data[: rng.randrange(len(data))])
    if kind == 1:
        return data[: rng.randrange(64)] + rng.randbytes(rng.randrange(1, 512))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        position = rng.randrange(len(data))
        if kind == 2:
            data[position] ^= 1 << rng.randrange(8)
        elif kind == 3:
            data[position] = rng.randrange(256)
        elif kind == 4:
            # a part of the file in another place
            start = rng.randrange(len(data))
            part = data[start : start + rng.randrange(1, 32)]
            data[position:position] = part
        else:
            # the sizes and indices of a format are at their limits
            size = rng.choice((1, 2, 4, 8))
            data[position : position + size] = (
                rng.choice((b'\xff', b'\x7f', b'\0')) * size
            )
    return bytes(data)


def write(kind, data, path):
    if kind.startswith('zip_pickle'):
        # the two weights and the bias
        write_zip(path, data, {'data/0': bytes(8), 'data/1': bytes(4)})
    elif kind == 'legacy_pickle':
        write_legacy(path, data)
    else:
        path.write_bytes(data)


@pytest.mark.parametrize('part', range(2))
@pytest.mark.parametrize(
    'kind',
    ['zip', 'legacy', 'safetensors', 'zip_pickle', 'zip_pickle_5', 'legacy_pickle'],
)
def test_a_damaged_file_is_read_or_refused(kind, part, originals, tmp_path):
    suffix = '.safetensors' if kind == 'safetensors' else '.pth'
    path = tmp_path / f'file{suffix}'
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for case in range(part, NUM_CASES, 2):
        data = damage(originals[kind], random.Random(f'{SEED} {kind} {case}'))
        write(kind, data, path)
        try:
            load_file(path)
        except CheckpointError as error:
            assert '\n' not in str(error), f'case {case}'
        except BaseException as error:
            pytest.fail(f'case {case}: {type(error).__name__}: {error}')
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert growth * 1024 < MAX_MEMORY


@pytest.mark.smoke
def test_the_originals_are_read(originals, tmp_path):
    # or damage would not be what makes the difference
    for kind, data in originals.items():
        path = tmp_path / ('a.safetensors' if kind == 'safetensors' else 'a.pth')
        write(kind, data, path)
        assert load_file(path)


def test_random_bytes_are_refused(tmp_path):
    rng = random.Random(SEED)
    heads = (b'', b'PK\x03\x04', b'\x80\x02', b'\x80\x05\x95', (64).to_bytes(8, 'little'))
    for case in range(NUM_CASES):
        path = tmp_path / rng.choice(('a.pth', 'a.safetensors', 'a.bin'))
        path.write_bytes(rng.choice(heads) + rng.randbytes(rng.randrange(2000)))
        try:
            load_file(path)
        except CheckpointError as error:
            assert '\n' not in str(error), f'case {case}'
