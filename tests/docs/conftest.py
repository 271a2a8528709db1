"""A project as a reader of docs/drop_in.md has it."""

import pytest

from .drop_in import FILES, find_toolbox_files


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """The user's folder: the files of the page, and clones of the toolboxes."""
    folder = tmp_path_factory.mktemp('project')
    (folder / 'mmdetection').symlink_to(find_toolbox_files('mmdet'))
    (folder / 'mmsegmentation').symlink_to(find_toolbox_files('mmseg'))
    for name, block in FILES.items():
        (folder / f'{name}.py').write_text(block)
    return folder
