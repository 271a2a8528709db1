"""Relative links, anchors and pictures lead somewhere."""

import pytest

from .pages import ALL_PAGES, REPOSITORY, anchor, find_headings, find_links

pytestmark = pytest.mark.smoke

IMAGES = REPOSITORY / 'docs' / 'images'


def local_links(path):
    links = find_links(path.read_text('utf-8'))
    return [link for link in links if '://' not in link]


@pytest.mark.parametrize('path', ALL_PAGES, ids=[path.name for path in ALL_PAGES])
def test_every_relative_link_of_a_page_leads_to_a_file_and_a_heading(path):
    for link in local_links(path):
        name, _, fragment = link.partition('#')
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert target.is_relative_to(REPOSITORY), link
        if fragment:
            titles = find_headings(target.read_text('utf-8'))
            assert fragment in [anchor(title) for _, title in titles], link


def test_every_picture_is_shown_on_a_page():
    shown = {
        (path.parent / link).resolve() for path in ALL_PAGES for link in local_links(path)
    }
    assert set(IMAGES.iterdir()) <= shown
