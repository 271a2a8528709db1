"""The table of foreign arguments in docs/drop_in.md is that of the package."""

import re

import pytest
from mmengine.registry import MODELS

from mmgroupmix.models.backbones.foreign_arguments import (
    EAMLP_RULES,
    GROUPMIXFORMER_RULES,
    POOLFORMER_RULES,
)
from mmgroupmix.models.backbones.foreign_arguments.translation import (
    Converted,
    Fixed,
    Ignored,
    Renamed,
)

from .pages import find_inline_code, find_tables, read_page

pytestmark = pytest.mark.smoke

SECTION = re.search(
    r'\n## Switch a config that you have\n(.*?)\n## ', read_page('drop_in'), re.DOTALL
)[1]
TYPES, ARGUMENTS = find_tables(SECTION)
RULES = dict(
    PoolFormer=POOLFORMER_RULES, GroupMixFormer=GROUPMIXFORMER_RULES, EAMLP=EAMLP_RULES
)
#: Arguments of ours, of which other classes have other values.
OTHER_VALUES = {'out_indices', 'frozen_stages', 'arch', 'init_cfg'}
ROWS = {
    (backbone, name): text
    for backbone, names, text in ARGUMENTS[1:]
    for name in find_inline_code(names)
    if name not in OTHER_VALUES
}


def test_the_table_has_exactly_the_arguments_that_are_translated():
    assert set(ROWS) == {(kind, name) for kind, rules in RULES.items() for name in rules}


@pytest.mark.parametrize('kind, name', ROWS)
def test_a_row_says_what_the_package_does(kind, name):
    rule, text = RULES[kind][name], ROWS[kind, name]
    match rule:
        case Fixed(value):
            assert text.startswith(f'only `{value!r}`')
        case Ignored():
            assert text == 'ignored'
        case Renamed(ours):
            assert text == f'is named `{ours}`'
        case Converted(names):
            words = ', '.join(f'`{ours}`' for ours in names)
            assert re.match(f'becomes? {words}', text)


def test_the_types_of_the_page_are_registered():
    names = [n for _, new in TYPES[1:] for n in find_inline_code(new)]
    assert len(names) == 7
    assert all(MODELS.get(name) is not None for name in names)
