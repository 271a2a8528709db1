"""CIFAR-10 and Tiny-ImageNet with a few random images, in their published layouts."""

import pickle
import struct
from typing import ClassVar

import cv2
import numpy as np

NUM_TRAIN, NUM_TEST = 4, 12  # a batch file, the test file


class Python2Pickler(pickle._Pickler):
    """Writes text and bytes as Python 2 wrote its strings."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_string(self, text):
        content = text.encode('latin-1') if isinstance(text, str) else text
        self.write(pickle.BINSTRING + struct.pack('<i', len(content)) + content)
        self.memoize(text)

    dispatch[str] = dispatch[bytes] = save_string


def write_batch(path, pixels, labels):
    content = dict(batch_label='a batch', labels=labels.tolist(), data=pixels)
    with path.open('wb') as file:
        Python2Pickler(file, protocol=2).dump(content)


def write_cifar10(root, binary=False):
    """Write the files; return (pixels, labels) of the test file."""
    rng = np.random.default_rng(0)
    folder = root / f'cifar-10-batches-{"bin" if binary else "py"}'
    folder.mkdir(parents=True)
    names = [f'data_batch_{number}' for number in range(1, 6)]
    for name in [*names, 'test_batch']:
        number = NUM_TEST if name == 'test_batch' else NUM_TRAIN
        pixels = rng.integers(0, 256, (number, 3072), dtype=np.uint8)
        labels = np.arange(number) % 10
        if binary:
            records = np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1)
            records.tofile(folder / f'{name}.bin')
        else:
            write_batch(folder / name, pixels, labels)
    return pixels, labels


def write_tiny_imagenet(root, classes=('n02', 'n01'), size=64):
    rng = np.random.default_rng(0)
    lines = []
    for name in classes:
        folders = root / 'train' / name / 'images', root / 'val' / 'images'
        for folder, file in zip(folders, (f'{name}_0.JPEG', f'val_{len(lines)}.JPEG')):
            folder.mkdir(parents=True, exist_ok=True)
            image = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / file), image)
        lines.append(f'{file}\t{name}\t0\t0\t9\t9\n')
    (root / 'val' / 'val_annotations.txt').write_text(''.join(lines))
