"""The contributing guide, the changelog and the citation agree with the package."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from mmgroupmix.version import __version__

from ..test_architecture import FLOORS
from .pages import REPOSITORY, find_inline_code, find_tables

pytestmark = pytest.mark.smoke

GUIDE = (REPOSITORY / 'CONTRIBUTING.md').read_text('utf-8')
LAYOUT, PLACES = find_tables(GUIDE)


def test_the_rows_of_the_layout_are_the_floors_of_the_package_in_their_order():
    rows = [re.findall('`([a-z_.]+)`', row[0]) for row in LAYOUT[1:]]
    for row in rows:
        assert set(row) <= set(FLOORS)
    for lower, upper in pairwise(rows):
        assert max(FLOORS[part] for part in lower) < min(FLOORS[part] for part in upper)
    # The parts of `apis` share a row; `models` and the package itself only collect.
    listed = {part for row in rows for part in row}
    parts = {part for part in FLOORS if not part.startswith('apis.')}
    assert listed == parts - {'', 'models'}


def test_every_place_for_new_code_exists():
    named = [
        code for row in PLACES[1:] for cell in row[1:] for code in find_inline_code(cell)
    ]
    paths = [name for name in named if re.match('(mmgroupmix|tests|configs)/', name)]
    assert len(paths) > 8
    for name in paths:
        folder = Path(name).parent if re.search('[A-Z]', name) else Path(name)
        assert list(REPOSITORY.glob(str(folder))), name


def test_the_citation_has_the_version_of_the_package_and_the_three_papers():
    citation = yaml.safe_load((REPOSITORY / 'CITATION.cff').read_text('utf-8'))
    assert citation['cff-version'] == '1.2.0'
    assert citation['version'] == __version__
    papers = {entry['url'].rpartition('/')[2] for entry in citation['references']}
    assert papers == {'2311.15157', '2111.11418', '2105.02358'}
    notice = (REPOSITORY / 'NOTICE').read_text('utf-8')
    assert papers <= set(re.findall(r'arXiv:([\d.]+\d)', notice))


def test_the_places_to_which_modules_moved_exist():
    text = (REPOSITORY / 'CHANGELOG.md').read_text('utf-8')
    (moves,) = re.findall(r'(?:^  \|.*\n)+', text, re.MULTILINE)
    new = [row.split('|')[2] for row in moves.splitlines()[2:]]
    for cell in new:
        (name,) = find_inline_code(cell)
        if name.startswith('mmgroupmix.') and 'convert' not in name:
            path = REPOSITORY / name.replace('.', '/')
            assert path.is_dir() or path.with_suffix('.py').is_file(), name
