"""Small data sets of point clouds in the real layouts, written for tests."""

import json

import h5py
import numpy as np

#: Two categories with two and three parts.
PART_META = dict(categories=dict(mug=2, table=3), classes=('a', 'b', 'c', 'd', 'e'))


def write_hdf5(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w') as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def write_modelnet(root, labels=(0, 1, 2, 1), num_points=32, split='train'):
    rng = np.random.default_rng(len(labels))
    return write_hdf5(
        root / f'ply_data_{split}0.h5',
        data=rng.standard_normal((len(labels), num_points, 3)).astype(np.float32),
        label=np.array(labels, np.uint8)[:, None],
    )


def write_parts(root, split='train', num_points=32):
    """Two shapes of each category of ``PART_META``, with all of its parts."""
    rng = np.random.default_rng(0)
    labels = np.array([0, 1, 0, 1])
    pid = np.where(
        labels[:, None] == 0,
        np.arange(num_points) % 2,
        2 + np.arange(num_points) % 3,
    )
    return write_hdf5(
        root / f'ply_data_{split}0.h5',
        data=rng.standard_normal((4, num_points, 3)).astype(np.float32),
        label=labels.astype(np.uint8)[:, None],
        pid=pid.astype(np.uint8),
    )


def write_text_shapes(root, num_points=20):
    """A mug and a table in ShapeNet part's text layout, and another mug for tests."""
    synsets = dict(Mug='03797390', Table='04379243')
    root.mkdir(parents=True, exist_ok=True)
    lines = [f'{name}\t{synset}' for name, synset in synsets.items()]
    (root / 'synsetoffset2category.txt').write_text('\n'.join(lines) + '\n')
    rng = np.random.default_rng(0)
    lists = dict(train=[], val=[], test=[])
    for name, split, first, count in (
        ('Mug', 'train', 0, 2),
        ('Table', 'train', 2, 3),
        ('Mug', 'test', 0, 2),
    ):
        synset, shape = synsets[name], f'{split}_{name.lower()}'
        table = rng.standard_normal((num_points, 7)) + 5
        table[:, 6] = first + np.arange(num_points) % count
        folder = root / synset
        folder.mkdir(exist_ok=True)
        np.savetxt(folder / f'{shape}.txt', table, fmt='%.6f')
        lists[split].append(f'shape_data/{synset}/{shape}')
    (root / 'train_test_split').mkdir(exist_ok=True)
    for split, listed in lists.items():
        path = root / 'train_test_split' / f'shuffled_{split}_file_list.json'
        path.write_text(json.dumps(listed))
    return root
