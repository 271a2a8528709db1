"""The README, and that its Chinese version is in step with it."""

import re
from itertools import pairwise

import pytest
from mmengine.config import Config

from .drop_in import WIDTHS
from .pages import (
    ALL_PAGES,
    CHINESE_README,
    PAGES,
    README,
    find_code,
    find_headings,
    find_links,
    find_tables,
)

pytestmark = pytest.mark.smoke

ENGLISH, CHINESE = (path.read_text('utf-8') for path in (README, CHINESE_README))


def test_a_newcomer_reads_the_readme_in_three_minutes():
    assert len(ENGLISH.splitlines()) <= 130
    assert len(CHINESE.splitlines()) <= 130


def test_the_readme_links_to_every_page():
    linked = set(find_links(ENGLISH))
    assert {f'docs/{path.name}' for path in PAGES} <= linked
    assert {'CONTRIBUTING.md', 'CHANGELOG.md', 'LICENSE', 'NOTICE'} <= linked


def test_the_config_of_the_readme_has_the_channels_of_its_backbone():
    (block,) = find_code(ENGLISH)
    model = Config.fromstring(block, '.py').model
    family = model.backbone.type.partition('.')[2]
    assert model.neck.in_channels == WIDTHS[family, model.backbone.arch]


def test_the_two_versions_link_to_each_other():
    assert CHINESE_README.name in find_links(ENGLISH)
    assert README.name in find_links(CHINESE)


def test_the_two_versions_have_the_same_headings_and_links():
    english, chinese = (
        [level for level, _ in find_headings(text)] for text in (ENGLISH, CHINESE)
    )
    assert english == chinese
    english, chinese = (
        [link for link in find_links(text) if not link.startswith('README')]
        for text in (ENGLISH, CHINESE)
    )
    assert sorted(english) == sorted(chinese)


def test_the_two_versions_have_the_same_code_but_for_comments():
    for language in 'python', 'bash':
        english, chinese = (
            [re.sub(' *#.*', '', code) for code in find_code(text, language)]
            for text in (ENGLISH, CHINESE)
        )
        assert english == chinese


def test_the_tables_of_the_two_versions_have_the_same_rows_names_and_numbers():
    def contents(text):
        return [
            [[re.findall(r'`[^`]+`|\d[\d.]*', cell) for cell in row] for row in table]
            for table in find_tables(text)
        ]

    assert len(contents(ENGLISH)) == 3
    assert contents(ENGLISH) == contents(CHINESE)


@pytest.mark.parametrize('path', ALL_PAGES, ids=[path.name for path in ALL_PAGES])
def test_a_page_has_one_title_and_skips_no_level(path):
    levels = [level for level, _ in find_headings(path.read_text('utf-8'))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
