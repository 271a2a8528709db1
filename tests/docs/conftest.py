"""A folder as the reader of docs/drop_in.md has it."""

import pytest

from .drop_in import CONFIGS, toolbox_files


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """A person's folder: the files of the page, and the toolboxes' clones."""
    folder = tmp_path_factory.mktemp('project')
    (folder / 'mmdetection').symlink_to(toolbox_files('mmdet'))
    (folder / 'mmsegmentation').symlink_to(toolbox_files('mmseg'))
    for name, block in CONFIGS.items():
        (folder / f'{name}.py').write_text(block)
    return folder
