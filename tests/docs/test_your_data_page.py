"""The page on data of the reader's own: its three walks run as printed."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image

from mmgroupmix.apis.own_data import adapt_schedule

from ..apis.own_data.folders import (
    CLASSES,
    write_class_folders,
    write_coco,
    write_label_maps,
)
from ..tool_processes import run_command
from .pages import REPOSITORY, find_code, find_tables, read_page

PAGE = read_page('your_data')
#: Little, so that a walk takes seconds.
TINY = [
    'model.backbone.init_cfg=None',
    'train_cfg.max_epochs=1',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'val_dataloader.num_workers=0',
    'val_dataloader.persistent_workers=False',
    'train_dataloader.num_batch_per_epoch=1',
]


def write_fruit(root):
    write_coco(root / 'images', root / 'annotations' / 'instances_default.json', num=4)


def write_cells(root):
    def save(labels, path):
        Image.fromarray((labels > 0).astype(np.uint8) * 255).save(path)

    write_label_maps(
        root / 'images', root / 'masks', num=4, image='{}.png', label='{}.png', save=save
    )


def write_leaves(root):
    write_class_folders(root, ('ash', 'elm', 'oak', 'yew'), num=2)


def commands_of(title):
    """The commands of a section, as lists of words."""
    section = re.search(rf'^## {title}\n(.*?)^## ', PAGE, re.MULTILINE | re.DOTALL)[1]
    (code,) = find_code(section, 'bash')
    return [shlex.split(line) for line in code.replace('\\\n', ' ').splitlines()]


@pytest.mark.parametrize(
    'title, write, classes',
    [
        ('Detect three objects', write_fruit, CLASSES),
        ('Find one thing, pixel by pixel', write_cells, ('background', 'foreground')),
        ('Tell four kinds apart', write_leaves, ('ash', 'elm', 'oak', 'yew')),
    ],
)
def test_a_walk_leads_from_the_folder_to_overlays(title, write, classes, tmp_path):
    train, infer = commands_of(title)
    data = tmp_path / train[train.index('--data') + 1]
    write(data)
    work_dir = tmp_path / train[train.index('--work-dir') + 1]
    (tmp_path / 'configs').symlink_to(REPOSITORY / 'configs')
    options = [
        x.replace('epochs=1', 'iters=1') if 'sem_fpn' in train[2] else x for x in TINY
    ]
    if 'sem_fpn' in train[2]:
        options.remove('train_dataloader.num_batch_per_epoch=1')
    result = run_command('train', [*train[2:], '--cfg-options', *options], tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    for name in classes:
        assert re.search(rf'^{name} +\d+ +\d+$', result.stdout, re.MULTILINE)
    (checkpoint,) = work_dir.glob('[ei]*_1.pth')  # the page has that of a whole run
    assert (tmp_path / infer[2]).is_file()
    infer[3] = str(checkpoint)
    result = run_command('infer', infer[2:], tmp_path)
    assert result.returncode == 0, result.stderr[-3000:]
    overlays = tmp_path / infer[infer.index('--out-dir') + 1] / 'overlays'
    images = [p for p in data.rglob('*') if p.suffix in ('.png', '.jpg')]
    shown = [p for p in images if 'masks' not in p.parts]
    assert len([p for p in overlays.rglob('*') if p.is_file()]) == len(shown)


@pytest.mark.smoke
def test_the_page_has_the_figures_of_the_schedule():
    rows = {row[0]: row[1] for table in find_tables(PAGE) for row in table}
    steps, passes = adapt_schedule.MIN_STEPS, adapt_schedule.PASSES
    tasks = ('mmdet', 'mmseg', 'mmpretrain')
    found = list(map(int, re.findall(r'\d+', rows['length'])))
    assert found == [steps['mmdet'], steps['mmseg'], *(passes[task] for task in tasks)]
    assert steps['mmseg'] == steps['mmpretrain']
    assert 'four batches' in rows['batch size'] and adapt_schedule.MIN_BATCHES == 4
