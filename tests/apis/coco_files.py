"""A small valid COCO file, and random damage to it."""

import copy
import json
import math
import random

from mmgroupmix.apis.config.coco_annotations import check_coco, load_coco
from mmgroupmix.apis.config.coco_entries import CocoUse

TRAINING = CocoUse(classes=('person', 'car'), masks=True, trains=True)
EVALUATION = CocoUse(classes=('person', 'car'), masks=True, evaluates=True)

NAN, INF = math.nan, math.inf
SQUARE = [10, 10, 40, 10, 40, 40, 10, 40]
#: 900 pixels of a square, by hand: 64 rows, columns from 10 to 39, rows from 10 to 39.
SQUARE_RUNS = [10 * 64 + 10, *([30, 34] * 29), 30, 80 * 64 - 39 * 64 - 40]

HOSTILE = [
    None, True, 0, -1, 1, 3.5, 10**40, 1e300, 1e9, NAN, INF, -INF, '', 'a', '1', [], {},
    [[]], [None], [1], [NAN] * 8, {'size': [64, 80], 'counts': 'ZZZ'},
    {'size': [64, 80], 'counts': [0, 10]},
    {'size': [10**6, 10**6], 'counts': [0, 10**12]},
]  # fmt: skip


def valid_coco():
    """Two images of 64 x 80 pixels with a polygon, run lengths and a crowd."""
    box = dict(bbox=[10, 10, 30, 30], area=900, iscrowd=0, category_id=1)
    runs = dict(size=[64, 80], counts=list(SQUARE_RUNS))
    return dict(
        images=[
            dict(id=7, file_name='a.png', height=64, width=80),
            dict(id=9, file_name='b.png', height=64, width=80),
        ],
        annotations=[
            dict(box, id=1, image_id=7, segmentation=[list(SQUARE)]),
            dict(box, id=2, image_id=7, segmentation=runs),
            dict(box, id=3, image_id=9, segmentation=copy.deepcopy(runs), iscrowd=1),
        ],
        categories=[dict(id=1, name='person'), dict(id=4, name='car')],
    )


def damage(content, seed):
    """Replace, remove or repeat a few random values of a COCO file, in place."""
    rng = random.Random(seed)
    masks = [each['segmentation'] for each in content['annotations']]
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        node, key = rng.choice([content, *masks]), None
        while isinstance(node, (dict, list)) and node:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            parent, key = node, rng.choice(keys)
            node = parent[key]
            if key not in ('images', 'annotations', 'categories') and rng.random() < 0.3:
                break
        if key is None:
            return
        action = rng.random()
        if action < 0.7:
            parent[key] = copy.deepcopy(rng.choice(HOSTILE))
        elif action < 0.85:
            del parent[key]
        elif isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        elif isinstance(node, (int, float)):
            parent[key] = node * rng.choice([-1, 0.5, 1e6, 1e18])


def write(folder, content):
    """Write a COCO file; NaN and infinity are written as Python and many tools do."""
    path = folder / 'train.json'
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def check(tmp_path, content, use=TRAINING):
    path = write(tmp_path, content)
    return check_coco(path, load_coco(path), [use]).format_warnings()


def polygon(*last):
    return dict(segmentation=[[*SQUARE[:-1], *last]])


def runs(counts, size=(64, 80)):
    return dict(segmentation=dict(size=list(size), counts=counts))
