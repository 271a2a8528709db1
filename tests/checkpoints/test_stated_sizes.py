"""What a file states of its sizes is compared with the file before memory is taken."""

import contextlib
import multiprocessing
import resource
import struct
import zipfile

import pytest
import torch

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.checkpoints.reading import load_file

from .hostile_files import tensor_pickle, write_legacy, write_zip

pytestmark = pytest.mark.smoke

ELEMENT = struct.pack('<f', 1.5)
HUGE = 2**30


def refuse(path, match):
    with pytest.raises(CheckpointError, match=match) as error:
        load_file(path)
    assert '\n' not in str(error.value)


def test_a_tensor_written_by_hand_is_read_in_both_formats(file):
    # or the refusals below would have other reasons
    write_zip(file, tensor_pickle(1, (1,), (1,)), {'data/0': ELEMENT})
    assert load_file(file)['stem.weight'].tolist() == [1.5]
    legacy = tensor_pickle(1, (1,), (1,), view=True)
    write_legacy(file, legacy, struct.pack('<q', 1) + ELEMENT)
    assert load_file(file)['stem.weight'].tolist() == [1.5]


def test_a_storage_that_is_larger_than_its_record_is_refused(file):
    write_zip(file, tensor_pickle(2, (2,), (1,)), {'data/0': ELEMENT})
    refuse(file, 'has 4 bytes and states 8')


def test_a_storage_that_is_larger_than_the_file_is_refused(file):
    data = tensor_pickle(HUGE, (1,), (1,), view=True)
    write_legacy(file, data, struct.pack('<q', 1) + ELEMENT)
    refuse(file, 'larger than the file')


def test_storages_that_are_cut_off_are_refused(file):
    torch.save({'a': torch.ones(100)}, file, _use_new_zipfile_serialization=False)
    file.write_bytes(file.read_bytes()[:-4])
    refuse(file, 'truncated')


@pytest.mark.parametrize('size, stride', [((HUGE,), (0,)), ((HUGE, 0, 1), (0, 1, 1))])
def test_an_expanded_tensor_is_no_larger_than_the_file(size, stride, file):
    write_zip(file, tensor_pickle(1, size, stride), {'data/0': ELEMENT})
    if 0 in size:
        assert load_file(file)['stem.weight'].numel() == 0
    else:
        refuse(file, 'more than the file holds')


def test_compressed_records_are_refused(file):
    data = tensor_pickle(2**20, (2**20,), (1,))
    zeros = bytes(2**22)
    write_zip(file, data, {'data/0': zeros}, compression=zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 10_000
    refuse(file, 'compressed')


def test_records_that_share_their_bytes_are_refused(file):
    write_zip(file, tensor_pickle(1, (1,), (1,)), {'data/0': bytes(1000)})
    content = file.read_bytes()
    # A second entry of the table of contents for the same bytes.
    with zipfile.ZipFile(file) as archive:
        start = archive.start_dir
    table, end = content[start:-22], bytearray(content[-22:])
    entry = table[table.index(b'archive/data/0') - 46 :]
    entry = entry[: 46 + len(b'archive/data/0')].replace(b'data/0', b'data/1')
    for offset in (8, 10):
        count = int.from_bytes(end[offset : offset + 2], 'little') + 1
        end[offset : offset + 2] = count.to_bytes(2, 'little')
    end[12:16] = len(table + entry).to_bytes(4, 'little')
    file.write_bytes(content[:start] + table + entry + bytes(end))
    refuse(file, 'larger than the file')


def test_two_records_of_one_name_are_refused(file):
    torch.save({'a': torch.ones(1)}, file)
    with zipfile.ZipFile(file, 'a') as archive:
        archive.writestr('file/DATA.pkl', b'N.')
    refuse(file, 'same name')


PICKLES = {
    'long string': b'\x80\x04\x8d' + struct.pack('<Q', 2**40) + b'.',
    'long bytes': b'\x80\x03B\xff\xff\xff\x7f.',
    'long number': b'\x80\x02\x8b\xff\xff\xff\x7f.',
    'long bytearray': b'\x80\x05\x96' + struct.pack('<Q', 2**40) + b'.',
    'zeros': b'\x80\x02cbuiltins\nbytearray\n\x8a\x05\xff\xff\xff\xff\x7f\x85R.',
    'empty tensor': b'\x80\x02ctorch\nTensor\n\x8a\x05\xff\xff\xff\xff\x7f\x85R.',
    'nested lists': b'\x80\x02' + b']' * 5000 + b'a' * 4999 + b'.',
    'nested key': b'\x80\x02})' + b'\x85' * 20_000 + b'Ns.',
    'doubled key': b'\x80\x02})' + b'2\x86' * 60 + b'Ns.',
    'cycle': b'\x80\x02]q\x00h\x00a.',
    'classes': b'('.join([b'\x80\x02', *(b'ca\nb%d\n' % i for i in range(2000))]) + b'.',
    'copies': b'\x80\x02](X' + struct.pack('<I', 10**6) + b'a' * 10**6 + b'q\x010'
    b'c_codecs\nencode\nq\x020X\x06\0\0\0latin1q\x030'
    + b'h\x02h\x01h\x03\x86R' * 50
    + b'e.',
}


@pytest.mark.parametrize('name', PICKLES)
def test_a_pickle_takes_no_more_than_the_file_holds(name, file):
    for write in (write_zip, write_legacy):
        write(file, PICKLES[name])
        refuse(file, 'Refused to read|Cannot read')


def test_a_large_index_of_the_memo_costs_nothing(file):
    write_zip(file, b'\x80\x02}r\xff\xff\xff\xff.')
    assert load_file(file) == {}


def test_the_memory_of_all_refusals_is_bounded(tmp_path):
    for index, data in enumerate(PICKLES.values()):
        write_zip(tmp_path / f'{index}.pth', data)
    # In a process of its own, whose peak is not that of the tests before.
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_peak, args=(tmp_path, sender))
    process.start()
    assert receiver.recv() < 2**28
    process.join()


def _send_peak(folder, sender):
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    before = peak()
    for path in folder.iterdir():
        with contextlib.suppress(CheckpointError):
            load_file(path)
    sender.send(peak() - before)
