"""The page in a real browser, where one is installed."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from mmgroupmix.apis.report.page import render_page

from .pages import GREEN, MAGENTA, Document, make_evaluation, make_page

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
OPTIONS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--hide-scrollbars',
)


@pytest.fixture
def browse(tmp_path):
    """A function: open the page with further options, and return what is printed."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f'none of {", ".join(BROWSERS)} is installed')
    page = tmp_path / 'report.html'
    page.write_bytes(render_page(make_page(make_evaluation())))

    def browse(*options):
        profile = f'--user-data-dir={tmp_path / "profile"}'
        command = [browser, *OPTIONS, profile, *options, page.as_uri()]
        result = subprocess.run(command, capture_output=True, timeout=60, check=True)
        return result.stdout

    return browse


def test_a_browser_shows_photos_overlays_and_text(browse, tmp_path):
    screenshot = tmp_path / 'page.png'
    browse(f'--screenshot={screenshot}', '--window-size=1000,2400')
    pixels = np.asarray(Image.open(screenshot).convert('RGB')).astype(int)
    photo, overlay = (
        (np.abs(pixels - color).max(axis=2) < 12).sum() for color in (MAGENTA, GREEN)
    )
    # Half of each of the four panels, less a box in the photo.
    assert overlay > 50_000 and 0.8 < photo / overlay < 1
    # Nothing is wider than the page: its right margin is empty.
    assert (pixels[:, -8:] == pixels[0, -1]).all()


def test_a_browser_reads_the_page_as_it_is_written(browse):
    document = Document(browse('--dump-dom'))
    written = Document(render_page(make_page(make_evaluation())))
    for tag in ('h1', 'h2', 'th', 'td', 'svg', 'image', 'use', 'polygon', 'rect', 'text'):
        assert len(document.find(tag)) == len(written.find(tag)) > 0, tag
    assert document.text['text'] == written.text['text']
