"""A mini dataset is written completely, reproducibly, and over no other files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mmgroupmix
from mmgroupmix.mini_data import write_mini_ade20k, write_mini_coco, write_mini_imagenet
from mmgroupmix.mini_data.manifest import MANIFEST_NAME, write_once
from mmgroupmix.mini_data.scenes import Scene

from .datasets import make_recipe

TINY = dict(num_train=2, num_val=1, min_size=64, max_size=96)
WRITERS = [
    pytest.param(write_mini_ade20k, TINY, id='ade20k'),
    pytest.param(write_mini_coco, TINY, id='coco'),
    pytest.param(write_mini_imagenet, {**TINY, 'num_classes': 1}, id='imagenet'),
]

# Replaces the package around ``mini_data``, which imports torch and the toolboxes.
MINI_DATA_ALONE = f"""
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


def read_images(root):
    """The bytes of the images and label maps of each folder, sorted by name."""
    folders = {}
    for path in sorted(Path(root).rglob('*')):
        if path.suffix in ('.jpg', '.JPEG', '.png'):
            folders.setdefault(path.parent.relative_to(root), []).append(
                path.read_bytes()
            )
    return folders


def run_without_toolboxes(code, **environment):
    subprocess.run(
        [sys.executable, '-c', MINI_DATA_ALONE + code],
        check=True,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope='module')
def written_elsewhere(tmp_path_factory):
    """The three datasets of seed 3, written by another process."""
    folder = tmp_path_factory.mktemp('elsewhere')
    calls = [
        f'mmgroupmix.mini_data.{write.__name__}('
        f'{str(folder / write.__name__)!r}, seed=3, **{arguments!r})'
        for write, arguments in (parameters.values for parameters in WRITERS)
    ]
    run_without_toolboxes('\n'.join(calls), PYTHONHASHSEED='7')
    return folder


@pytest.mark.parametrize('write, arguments', WRITERS)
def test_the_same_arguments_give_the_same_bytes_in_another_process(
    write, arguments, tmp_path, written_elsewhere
):
    here = contents(write(tmp_path / 'set', seed=3, **arguments))
    assert len(here) >= 4
    assert here == contents(written_elsewhere / write.__name__)


@pytest.mark.parametrize('write, arguments', WRITERS)
def test_another_seed_gives_other_images(write, arguments, tmp_path):
    for seed in (0, 1):
        write(tmp_path / str(seed), seed=seed, **arguments)
    assert contents(tmp_path / '0').keys() == contents(tmp_path / '1').keys()
    first, second = (
        [
            image
            for images in read_images(tmp_path / str(seed)).values()
            for image in images
        ]
        for seed in (0, 1)
    )
    assert len(first) == len(second) >= 3
    assert not set(first) & set(second)


@pytest.mark.parametrize('write, arguments', WRITERS)
def test_more_training_images_leave_the_other_images_unchanged(
    write, arguments, tmp_path
):
    few = read_images(write(tmp_path / 'few', **arguments))
    more = read_images(write(tmp_path / 'more', **{**arguments, 'num_train': 4}))
    assert few.keys() == more.keys()
    for folder, images in few.items():
        assert more[folder][: len(images)] == images
    if write is write_mini_coco:  # numbers the validation images after the others
        return
    before, after = contents(tmp_path / 'few'), contents(tmp_path / 'more')
    before.pop(MANIFEST_NAME)
    assert before.items() <= after.items()


@pytest.mark.parametrize('write, arguments', WRITERS)
def test_a_second_call_leaves_the_files_unchanged_and_needs_no_scikit_learn(
    write, arguments, tmp_path, monkeypatch
):
    root = write(tmp_path / 'set', **arguments)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')}
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    assert write(str(root), **arguments) == root
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')} == before


def test_importing_the_package_loads_neither_scikit_learn_nor_a_toolbox():
    run_without_toolboxes("""
for name in ('sklearn', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain'):
    assert name not in sys.modules, name
""")


def test_a_missing_scikit_learn_is_reported_with_the_command_that_installs_it(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(ImportError, match=r'pip install mmgroupmix\[demo\]'):
        write_mini_coco(tmp_path / 'set', **TINY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.smoke
@pytest.mark.parametrize('write, arguments', WRITERS)
def test_a_folder_with_other_files_is_rejected_and_left_unchanged(
    write, arguments, tmp_path
):
    (tmp_path / 'set' / 'images').mkdir(parents=True)
    (tmp_path / 'set' / 'images' / 'mine.jpg').write_bytes(b'mine')
    with pytest.raises(FileExistsError, match='not a mini dataset.*images'):
        write(tmp_path / 'set', **arguments)
    assert contents(tmp_path) == {os.path.join('set', 'images', 'mine.jpg'): b'mine'}


def test_a_dataset_of_other_arguments_is_rejected_with_the_differences(tmp_path):
    root = write_mini_coco(tmp_path / 'set', **TINY)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match='seed 0 instead of 5'):
        write_mini_coco(root, seed=5, **TINY)
    with pytest.raises(FileExistsError, match="kind 'coco' instead of 'ade20k'"):
        write_mini_ade20k(root, **TINY)
    assert contents(tmp_path) == before


def test_a_file_at_the_path_of_the_folder_is_rejected(tmp_path):
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
def test_an_interrupted_run_leaves_no_files_and_can_be_repeated(
    write, arguments, tmp_path, monkeypatch
):
    written = []

    def interrupt_at_second_image(scene, path, recipe):
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt
        return path.name

    with monkeypatch.context() as patch:
        patch.setattr(Scene, 'write_image', interrupt_at_second_image)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / 'set', **arguments)
    assert list(tmp_path.iterdir()) == []
    assert (write(tmp_path / 'set', **arguments) / MANIFEST_NAME).is_file()


def write_twice(tmp_path, slow_recipe, fast_recipe):
    """Write a dataset while another process writes one to the same folder."""

    def write_slowly(folder, recipe):
        write_once(tmp_path / 'set', fast_recipe, write_fast)
        (folder / 'file').write_text('slow')

    def write_fast(folder, recipe):
        (folder / 'file').write_text('fast')

    return write_once(tmp_path / 'set', slow_recipe, write_slowly)


def test_two_processes_may_write_the_same_dataset(tmp_path):
    recipe = make_recipe('coco', **TINY)
    assert write_twice(tmp_path, recipe, recipe) == tmp_path / 'set'
    assert [path.name for path in tmp_path.iterdir()] == ['set']
    assert (tmp_path / 'set' / 'file').read_text() == 'fast'


def test_the_slower_of_two_processes_that_write_different_datasets_fails(tmp_path):
    slow, fast = (make_recipe('coco', seed=seed, **TINY) for seed in (0, 1))
    with pytest.raises(FileExistsError, match='seed 1 instead of 0'):
        write_twice(tmp_path, slow, fast)
    assert [path.name for path in tmp_path.iterdir()] == ['set']
    assert (tmp_path / 'set' / 'file').read_text() == 'fast'
