"""Checkpoint files that run code, or take memory, when they are read carelessly."""

import io
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict

import torch
from torch.serialization import MAGIC_NUMBER, PROTOCOL_VERSION

WEIGHTS = {'stem.weight': torch.ones(3, 2), 'head.bias': torch.ones(3)}


class Calling:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class CallingLater:
    """Pickles as an object whose state is a call."""

    def __init__(self, call):
        self.attribute = call


def calls(marker):
    """Calls that create the file ``marker``, by the name that a refusal has to state."""
    import os
    import subprocess

    command = f'touch {marker}'
    code = f'open({str(marker)!r}, "w")'
    return {
        'posix.system': Calling(os.system, command),
        'builtins.exec': Calling(exec, code),
        'builtins.eval': Calling(eval, code),
        'subprocess.Popen': Calling(subprocess.Popen, ['touch', str(marker)]),
        'io.open': Calling(open, str(marker), 'w'),
    }


def save_zip(content, path, **options):
    torch.save(content, path, **options)


def save_legacy(content, path, **options):
    torch.save(content, path, _use_new_zipfile_serialization=False, **options)


def save_tar(content, path):
    """The format of PyTorch 0.1: pickles in a tar archive."""
    with tarfile.open(path, 'w') as archive:
        for name, value in (('storages', 0), ('tensors', 0), ('pickle', content)):
            data = pickle.dumps(value, protocol=2)
            if name == 'storages':
                data += pickle.dumps([], protocol=2)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def save_plain_pickle(content, path):
    path.write_bytes(pickle.dumps(content, protocol=2))


WRITERS = dict(
    zip=save_zip, legacy=save_legacy, tar=save_tar, plain_pickle=save_plain_pickle
)


def place(call, where):
    """A checkpoint of mmengine with a call somewhere in it."""
    content = dict(
        meta=dict(epoch=1, iter=1),
        state_dict=OrderedDict(WEIGHTS),
        message_hub=dict(log_scalars={}, runtime_info={}, resumed_keys={}),
        optimizer=dict(state={}, param_groups=[]),
        param_schedulers=[],
    )
    if where == 'state_dict':
        content['state_dict']['stem.weight'] = call
    elif where == 'key':
        content['state_dict'] = {Key(call): 1}
    elif where == 'attribute':
        content['meta']['args'] = CallingLater(call)
    elif where == 'list':
        content['param_schedulers'] = [dict(last_epoch=call)]
    elif where == 'hooks':
        content['state_dict']._metadata = OrderedDict(version=call)
    else:
        content[where]['x'] = call
    return content


class Key(tuple):
    """Pickles as a tuple that holds a call."""

    def __new__(cls, call):
        return super().__new__(cls, (1,))

    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return tuple, ([self.call],)


PLACES = (
    'state_dict',
    'meta',
    'message_hub',
    'optimizer',
    'list',
    'attribute',
    'hooks',
)


def raw_pickles(marker):
    """Pickles written by hand, each of which calls ``posix.system`` in its own way."""
    command = f'touch {marker}'.encode()
    text = b"S'" + command + b"'\n"
    binary = b'X' + struct.pack('<I', len(command)) + command
    short = lambda data: b'\x8c' + bytes([len(data)]) + data  # noqa: E731
    return {
        'reduce': b'cposix\nsystem\n(' + text + b'tR.',
        'inst': b'(' + text + b'iposix\nsystem\n.',
        'obj': b'(cposix\nsystem\n' + text + b'o.',
        'stack_global': b'\x80\x04' + short(b'posix') + short(b'system') + b'\x93'
        b'(' + binary + b'tR.',
        'python_2_name': b'\x80\x02cos\nsystem\n(' + binary + b'tR.',
        'framed': b'\x80\x04\x95'
        + struct.pack('<Q', 60)
        + short(b'posix')
        + short(b'system')
        + b'\x93('
        + binary
        + b'tR.',
        # a global that is fetched from another one
        'attribute': b'cbuiltins\ngetattr\n(cposix\nsystem\n'
        + b"S'__call__'\ntR("
        + text
        + b'tR.',
        'reconstructor': b'ccopyreg\n_reconstructor\n(cposix\nsystem\ncbuiltins\nobject\n'
        b'NtR0cposix\nsystem\n(' + text + b'tR.',
        'new_object': b'\x80\x02cposix\nsystem\n(' + binary + b't\x81.',
        'persistent_id': b'\x80\x02cposix\nsystem\n(' + binary + b'tRQ.',
    }


def write_zip(path, data_pickle, records=(), **options):
    """A zip file as ``torch.save`` writes it, around a pickle written by hand."""
    with zipfile.ZipFile(path, 'w', **options) as archive:
        archive.writestr('archive/data.pkl', data_pickle)
        archive.writestr('archive/byteorder', 'little')
        for name, data in dict(records).items():
            archive.writestr(f'archive/{name}', data)
        archive.writestr('archive/version', '3\n')


def write_legacy(path, data_pickle, storages=b''):
    """A file as ``torch.save`` wrote it before zip, around a pickle written by hand."""
    head = (MAGIC_NUMBER, PROTOCOL_VERSION, dict(little_endian=True))
    path.write_bytes(
        b''.join(pickle.dumps(value, protocol=2) for value in head)
        + data_pickle
        + pickle.dumps(['0'] if storages else [], protocol=2)
        + storages
    )


def tensor_pickle(numel, size, stride, storage_type='FloatStorage', view=False):
    """The pickle of a dict with one tensor of any stated sizes."""

    class Storage:
        pass

    class Pickler(pickle._Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                kind = getattr(torch, storage_type)
                extra = (None,) if view else ()
                return ('storage', kind, '0', 'cpu', numel, *extra)
            return None

    arguments = (Storage(), 0, size, stride, False, OrderedDict())
    stream = io.BytesIO()
    Pickler(stream, protocol=2).dump(
        {'stem.weight': Calling(torch._utils._rebuild_tensor_v2, *arguments)}
    )
    return stream.getvalue()
