"""Overwriting outputs: what is removed, and what a link leads to never is."""

import os

import pytest
from PIL import Image

from mmgroupmix.apis.config.output_files import prepare_output
from mmgroupmix.apis.config.work_dir import prepare_work_dir
from mmgroupmix.apis.drawing import prepare_out_file
from mmgroupmix.errors import UserError

from ..commands import run_tool

pytestmark = pytest.mark.smoke

FILES = ('predictions.json', '*.png')
FOLDERS = ('overlays', 'label_maps')


def overwrite(target):
    prepare_output(target, '--out-dir', True, FILES, FOLDERS)


def list_all(folder):
    """Every entry below a folder, with the content of files and the targets of links."""
    return {
        path.relative_to(folder).as_posix(): os.readlink(path)
        if path.is_symlink()
        else path.read_text()
        if path.is_file()
        else None
        for path in folder.rglob('*')
    }


@pytest.fixture
def mine(tmp_path):
    """A folder of the user's, with files that are named as outputs are."""
    folder = tmp_path / 'mine'
    (folder / 'deep').mkdir(parents=True)
    for name in ('a.png', 'predictions.json', 'deep/b.png'):
        (folder / name).write_text('mine')
    return folder


@pytest.fixture
def out(tmp_path):
    """A folder with the outputs of an earlier run and a file of the user's."""
    folder = tmp_path / 'out'
    (folder / 'overlays' / 'sub').mkdir(parents=True)
    for name in ('predictions.json', 'overlays/1.jpg', 'overlays/sub/2.jpg', 'a.png'):
        (folder / name).write_text('earlier')
    (folder / 'notes.txt').write_text('mine')
    return folder


def test_overwriting_removes_the_outputs_and_keeps_other_files(out):
    with pytest.raises(UserError, match='--out-dir .* holds 4 entries'):
        prepare_output(out, '--out-dir', False, FILES, FOLDERS)
    overwrite(out)
    assert list_all(out) == {'notes.txt': 'mine', 'overlays': None, 'overlays/sub': None}


@pytest.mark.parametrize('name', FOLDERS)
@pytest.mark.parametrize('target', ['../mine', '..', '.', 'missing'])
def test_a_link_in_place_of_an_output_folder_is_refused_and_nothing_removed(
    name, target, out, mine
):
    if name == 'overlays':
        (out / 'overlays').rename(out / 'earlier')
    (out / name).symlink_to(target)
    before = list_all(out.parent)
    with pytest.raises(UserError, match=f'{name} is a link to {target}'):
        overwrite(out)
    assert list_all(out.parent) == before


@pytest.mark.parametrize('place', ['predictions.json', 'a.png', 'overlays/1.jpg'])
@pytest.mark.parametrize('target', ['a.png', 'missing'])
def test_a_link_to_a_file_is_removed_and_the_file_is_kept(place, target, out, mine):
    (out / place).unlink()
    (out / place).symlink_to(mine / target)
    before = list_all(mine)
    overwrite(out)
    assert not os.path.lexists(out / place)
    assert list_all(mine) == before


@pytest.mark.parametrize('target', ['../../../mine', '..', '/', 'loop'])
def test_links_below_an_output_folder_are_removed_and_not_followed(target, out, mine):
    (out / 'overlays' / 'sub' / 'loop').symlink_to(target)
    before = list_all(mine)
    overwrite(out)
    assert list_all(out) == {'notes.txt': 'mine', 'overlays': None, 'overlays/sub': None}
    assert list_all(mine) == before


def test_nothing_is_removed_from_a_folder_that_is_named_by_a_link(out, tmp_path):
    (tmp_path / 'link').symlink_to(out)
    before = list_all(out)
    with pytest.raises(UserError, match=f'is a link to {out}'):
        overwrite(tmp_path / 'link')
    assert list_all(out) == before
    # Parents may be links: on a cluster, work_dirs/ often is.
    (tmp_path / 'parent').symlink_to(tmp_path)
    overwrite(tmp_path / 'parent' / 'out')
    assert 'predictions.json' not in list_all(out)


def test_a_file_to_write_that_is_a_link_is_removed_and_its_target_kept(tmp_path):
    for target in ('mine.pkl', 'missing.pkl'):
        (tmp_path / 'mine.pkl').write_text('mine')
        link = tmp_path / 'out.pkl'
        link.symlink_to(target)
        with pytest.raises(UserError, match='exists'):
            prepare_output(link, '--out', False)
        prepare_output(link, '--out', True)
        assert list_all(tmp_path) == {'mine.pkl': 'mine'}


@pytest.mark.parametrize('name', ['overlays', 'predictions.json'])
def test_an_entry_of_another_kind_is_refused_before_anything_is_removed(name, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'a.png').write_text('earlier')
    if name == 'overlays':
        (out / name).write_text('mine')
    else:
        (out / name).mkdir()
    before = list_all(out)
    with pytest.raises(UserError, match=f'{name} is (not )?a file'):
        overwrite(out)
    assert list_all(out) == before


def test_a_device_or_pipe_is_never_removed(tmp_path):
    pipe = tmp_path / 'pipe.pkl'
    os.mkfifo(pipe)
    with pytest.raises(UserError, match='is not a file'):
        prepare_output(pipe, '--out', True)
    with pytest.raises(UserError, match='is not a folder'):
        overwrite(pipe)
    assert pipe.exists()


def test_checkpoints_that_are_links_are_removed_without_their_targets(tmp_path, mine):
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    (work_dir / 'iter_5.pth').symlink_to(mine / 'a.png')
    (tmp_path / 'link').symlink_to(work_dir)
    with pytest.raises(UserError, match='removes nothing through a link'):
        prepare_work_dir(tmp_path / 'link', None, True)
    prepare_work_dir(work_dir, None, True)
    assert list_all(work_dir) == {} and (mine / 'a.png').read_text() == 'mine'


def test_a_drawing_replaces_a_link_and_not_its_target(tmp_path):
    (tmp_path / 'mine.png').write_text('mine')
    (tmp_path / 'new' / 'out.png').parent.mkdir()
    (tmp_path / 'new' / 'out.png').symlink_to('../mine.png')
    prepare_out_file(tmp_path / 'new' / 'out.png')
    assert list_all(tmp_path) == {'mine.png': 'mine', 'new': None}


def test_the_command_refuses_links_before_it_reads_a_config(tmp_path, mine):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'overlays').symlink_to('../mine')
    Image.new('RGB', (32, 32)).save(tmp_path / 'one.png')
    before = list_all(mine)
    result = run_tool(
        'infer.py', 'no.py', 'no.pth', 'one.png', '--out-dir', 'out', '--overwrite',
        cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr == (
        'error: out/overlays is a link to ../mine, and nothing is written through a '
        'link. Remove the link, or give another folder.\n'
    )
    assert list_all(mine) == before
