"""The page of questions: the versions that it names are those that are installed."""

import re

import pytest
import tomllib
from packaging.utils import canonicalize_name

from ..test_packaging import PINNED, read_pins
from .pages import REPOSITORY, find_tables, read_page

pytestmark = pytest.mark.smoke

VERSIONS = {row[0]: row[1:] for row in find_tables(read_page('faq'))[0][1:]}
PROJECT = tomllib.loads((REPOSITORY / 'pyproject.toml').read_text())['project']


def test_the_versions_of_the_page_are_the_pinned_ones():
    pinned = {name: v for file in PINNED.values() for name, v in read_pins(file).items()}
    stated = {}
    for names, (_, remark) in VERSIONS.items():
        if remark.startswith('tested with') and names != 'Python':
            versions = remark.removeprefix('tested with ').split(', ')
            stated.update(zip(names.split(', '), versions, strict=True))
    toolboxes = {name for name in pinned if re.match('(onedl-)?mm', name)}
    assert {canonicalize_name(name) for name in stated} == toolboxes | {
        'torch',
        'torchvision',
    }
    for name, version in stated.items():
        assert pinned[canonicalize_name(name)] == version, name


def test_the_oldest_versions_of_the_page_are_those_of_the_package():
    (torch,) = (r for r in PROJECT['dependencies'] if r.startswith('torch>='))
    assert VERSIONS['torch, torchvision'][0].startswith(f'{torch[7:]} or later')
    assert VERSIONS['Python'][0] == f'{PROJECT["requires-python"][2:]} or later'
