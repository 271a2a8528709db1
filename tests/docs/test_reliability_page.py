"""The page on reliability: the tests that it names exist."""

import re
from functools import cache

import pytest

from mmgroupmix.apis import infer, test, train

from .pages import REPOSITORY, find_inline_code, find_tables, read_page

pytestmark = pytest.mark.smoke

PAGE = read_page('reliability')
CODE = find_inline_code(PAGE)


@cache
def list_test_files():
    return sorted((REPOSITORY / 'tests').rglob('test_*.py'))


def test_every_test_file_of_the_page_exists():
    known = [str(path.relative_to(REPOSITORY)) for path in list_test_files()]
    named = [code for code in CODE if re.fullmatch(r'[\w/]*test_\w+\.py', code)]
    assert named
    for name in named:
        assert any(f'/{path}'.endswith(f'/{name}') for path in known), name


def test_a_table_of_tests_in_one_folder_names_files_of_that_folder():
    for header, *rows in find_tables(PAGE):
        folder = re.fullmatch(r'test \(`([\w/]+)`\)', header[-1])
        for name in re.findall(r'`([\w/]+\.py)`', ' '.join(r[-1] for r in rows)):
            if folder and '/' not in name:
                assert (REPOSITORY / folder[1] / name).is_file(), name


def test_every_test_function_of_the_page_exists():
    sources = '\n'.join(path.read_text() for path in list_test_files())
    functions = re.findall(r'^def (test_\w+)', sources, re.MULTILINE)
    for code in CODE:
        if re.fullmatch(r'test_\w+\*?', code):
            start = code.removesuffix('*')
            assert any(
                name.startswith(start) if code.endswith('*') else name == code
                for name in functions
            ), code


def test_every_option_of_the_page_exists():
    known = {'--requeue', '--signal', '--hypothesis-profile'}
    for module in (train, test, infer):
        known |= set(module._build_parser()._option_string_actions)
    for code in CODE:
        for option in re.findall(r'(?<!\S)--[a-z-]+', code):
            assert option in known | {'--out', '--out-dir', '--show-dir'}, option
