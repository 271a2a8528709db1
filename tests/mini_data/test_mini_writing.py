"""A mini data set appears whole, always the same, and over nothing of the user's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mmgroupmix
from mmgroupmix.mini_data import write_mini_ade20k, write_mini_coco, write_mini_imagenet
from mmgroupmix.mini_data.manifest import MANIFEST_NAME, write_once
from mmgroupmix.mini_data.recipe import Recipe
from mmgroupmix.mini_data.scenes import Scene

TINY = dict(num_train=2, num_val=1, min_size=64, max_size=96)
WRITERS = [
    pytest.param(write_mini_ade20k, TINY, id='ade20k'),
    pytest.param(write_mini_coco, TINY, id='coco'),
    pytest.param(write_mini_imagenet, {**TINY, 'num_classes': 1}, id='imagenet'),
]

# Stands in for the package around ``datasets``, which imports torch and toolboxes.
DATASETS_ALONE = f"""
import sys, types
package = types.ModuleType('mmgroupmix')
package.__path__ = {mmgroupmix.__path__!r}
sys.modules['mmgroupmix'] = package
import mmgroupmix.mini_data
"""


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob('*')
        if path.is_file()
    }


def run_alone(code, **environment):
    subprocess.run(
        [sys.executable, '-c', DATASETS_ALONE + code],
        check=True,
        env={**os.environ, **environment},
    )


@pytest.mark.smoke
@pytest.mark.parametrize('write, arguments', WRITERS)
def test_the_same_arguments_give_the_same_bytes_in_another_process(
    write, arguments, tmp_path
):
    write(tmp_path / 'here', seed=3, **arguments)
    run_alone(
        f'mmgroupmix.mini_data.{write.__name__}('
        f'{str(tmp_path / "there")!r}, seed=3, **{arguments!r})',
        PYTHONHASHSEED='7',
    )
    here, there = contents(tmp_path / 'here'), contents(tmp_path / 'there')
    assert len(here) >= 4
    assert here == there


def test_another_seed_gives_other_pictures(tmp_path):
    first = contents(write_mini_coco(tmp_path / 'first', seed=0, **TINY))
    second = contents(write_mini_coco(tmp_path / 'second', seed=1, **TINY))
    assert first.keys() == second.keys()
    assert all(first[name] != second[name] for name in first if name.endswith('.jpg'))


def test_more_training_images_leave_the_other_images_as_they_are(tmp_path):
    few = contents(write_mini_ade20k(tmp_path / 'few', **TINY))
    more = contents(write_mini_ade20k(tmp_path / 'more', **{**TINY, 'num_train': 4}))
    few.pop(MANIFEST_NAME)
    assert few.items() <= more.items()


@pytest.mark.parametrize('write, arguments', WRITERS)
def test_a_second_call_leaves_the_files_untouched_and_needs_no_scikit_learn(
    write, arguments, tmp_path, monkeypatch
):
    root = write(tmp_path / 'set', **arguments)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')}
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    assert write(str(root), **arguments) == root
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')} == before


def test_importing_the_package_loads_neither_scikit_learn_nor_a_toolbox():
    run_alone("""
for name in ('sklearn', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain'):
    assert name not in sys.modules, name
""")


def test_without_scikit_learn_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(ImportError, match=r'pip install mmgroupmix\[demo\]'):
        write_mini_coco(tmp_path / 'set', **TINY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.smoke
@pytest.mark.parametrize('write, arguments', WRITERS)
def test_a_folder_with_other_files_is_refused_and_left_untouched(
    write, arguments, tmp_path
):
    (tmp_path / 'set' / 'images').mkdir(parents=True)
    (tmp_path / 'set' / 'images' / 'mine.jpg').write_bytes(b'mine')
    with pytest.raises(FileExistsError, match='not a mini data set.*images'):
        write(tmp_path / 'set', **arguments)
    assert contents(tmp_path) == {os.path.join('set', 'images', 'mine.jpg'): b'mine'}


def test_a_mini_dataset_of_other_arguments_is_refused_with_the_difference(tmp_path):
    root = write_mini_coco(tmp_path / 'set', **TINY)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match='seed 0 instead of 5'):
        write_mini_coco(root, seed=5, **TINY)
    with pytest.raises(FileExistsError, match="kind 'coco' instead of 'ade20k'"):
        write_mini_ade20k(root, **TINY)
    assert contents(tmp_path) == before


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / 'set').write_text('mine')
    with pytest.raises(FileExistsError, match='is a file'):
        write_mini_coco(tmp_path / 'set', **TINY)
    assert (tmp_path / 'set').read_text() == 'mine'


def test_an_empty_folder_behind_a_symbolic_link_is_filled(tmp_path):
    (tmp_path / 'disk').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'disk')
    assert write_mini_coco(tmp_path / 'link', **TINY) == tmp_path / 'link'
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'disk' / MANIFEST_NAME).is_file()


@pytest.mark.parametrize('write, arguments', WRITERS)
def test_an_interrupted_run_leaves_nothing_and_can_be_repeated(
    write, arguments, tmp_path, monkeypatch
):
    written = []

    def interrupted(scene, path):
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Scene, 'write_jpeg', interrupted)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / 'set', **arguments)
    assert list(tmp_path.iterdir()) == []
    assert (write(tmp_path / 'set', **arguments) / MANIFEST_NAME).is_file()


def race(tmp_path, ours, theirs):
    """Write ``ours`` while another process finishes ``theirs`` in the same place."""

    def write(folder, text):
        (folder / 'file').write_text(text)

    def write_slowly(folder):
        write_once(tmp_path / 'set', theirs, lambda other: write(other, 'theirs'))
        write(folder, 'ours')

    return write_once(tmp_path / 'set', ours, write_slowly)


def test_of_two_processes_that_write_the_same_set_both_end_well(tmp_path):
    recipe = Recipe('coco', seed=0, num_classes=10, **TINY)
    assert race(tmp_path, recipe, recipe) == tmp_path / 'set'
    assert [path.name for path in tmp_path.iterdir()] == ['set']
    assert (tmp_path / 'set' / 'file').read_text() == 'theirs'


def test_of_two_processes_that_write_different_sets_the_later_is_refused(tmp_path):
    ours = Recipe('coco', seed=0, num_classes=10, **TINY)
    theirs = Recipe('coco', seed=1, num_classes=10, **TINY)
    with pytest.raises(FileExistsError, match='seed 1 instead of 0'):
        race(tmp_path, ours, theirs)
    assert [path.name for path in tmp_path.iterdir()] == ['set']
    assert (tmp_path / 'set' / 'file').read_text() == 'theirs'
