"""The page is one whole file: nothing is loaded, nothing is run, every text is shown."""

import json
import re

import numpy as np
import pytest
from mmengine.config import Config

from mmgroupmix.apis.report.contents import ConfusionMatrix, Evaluation
from mmgroupmix.apis.report.page import render_page

from .pages import Document, make_evaluation, make_page

pytestmark = pytest.mark.smoke

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)> & 'ü' 猫"


@pytest.fixture(scope='module')
def html():
    return render_page(make_page(make_evaluation()))


@pytest.fixture(scope='module')
def document(html):
    return Document(html)


def test_every_element_is_closed(document):
    assert not document.unbalanced


def test_all_parts_are_there_with_links_to_them(document):
    ids = [attributes['id'] for attributes in document.find('h2')]
    expected = ['numbers', 'classes', 'confusion', 'best', 'worst']
    assert ids == [*expected, 'configuration', 'versions']
    assert [link['href'] for link in document.find('a')] == [f'#{name}' for name in ids]


def test_nothing_is_loaded_from_elsewhere(html, document):
    for _, attributes in document.elements:
        for key in ('src', 'href', 'xlink:href'):
            assert attributes.get(key, 'data:').startswith(('data:image/', 'data:', '#'))
    assert not document.find('script') and not document.find('link')
    assert b'url(' not in html and b'@import' not in html


def test_pictures_and_tables_can_be_read_aloud(document):
    assert all(image.get('alt') for image in document.find('img'))
    drawings = document.find('svg')
    assert len(drawings) == 4
    for drawing in drawings:
        assert drawing['role'] == 'img' and 'one cat' in drawing['aria-label']
    scopes = {cell.get('scope') for cell in document.find('th')}
    assert scopes == {'row', 'col'}
    assert document.find('html')[0]['lang'] == 'en'


def test_a_photo_is_there_once_for_truth_and_prediction(html, document):
    photos = [one for one in document.find('image') if 'id' in one]
    references = [one['href'] for one in document.find('use')]
    assert references == [f'#{photo["id"]}' for photo in photos]
    ids = [one['id'] for _, one in document.elements if 'id' in one]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize('is_drawn', [True, False])
def test_hostile_names_are_shown_and_not_obeyed(is_drawn, tmp_path):
    scan = tmp_path / 'data_scan.json'
    entry = dict(loader=HOSTILE, classes={HOSTILE: 1}, warnings=[HOSTILE])
    scan.write_text(json.dumps([entry]))
    page = make_page(
        make_evaluation(HOSTILE, HOSTILE, is_drawn),
        name=HOSTILE,
        evaluated=HOSTILE,
        metrics={HOSTILE: 1.0},
        command=HOSTILE,
        scan_file=scan,
        config=Config(dict(model=dict(type='A', note='</pre><script>alert(3)</script>'))),
    )
    document = Document(render_page(page))
    assert not document.unbalanced and not document.find('script')
    assert {'onerror'} & {key for _, one in document.elements for key in one} == set()
    assert len(document.find('img')) == (0 if is_drawn else 2)
    for tag in ('h1', 'th', 'dt', 'dd', 'p'):
        assert any(HOSTILE in text for text in document.text[tag]), tag
    if is_drawn:
        assert document.text['text'] == [HOSTILE] * 4
    (config,) = document.text['pre']
    assert '</pre><script>' in config


def test_a_name_that_is_not_unicode_is_written_with_a_replacement():
    html = render_page(make_page(make_evaluation(name='photo\udcff.png')))
    assert 'photo?.png' in html.decode()


def test_a_run_without_evaluation_says_so():
    document = Document(render_page(make_page()))
    assert 'Nothing was evaluated.' in document.text['p']
    ids = [attributes['id'] for attributes in document.find('h2')]
    assert ids == ['configuration', 'versions']


def test_what_could_not_be_computed_is_not_a_number():
    metrics = {'coco/bbox_mAP': 0.5, 'coco/bbox_mAP_s': -1.0, 'coco/AR@100': -1.0}
    metrics |= {'loss': float('nan'), 'correlation': -1.0}
    html = render_page(make_page(make_evaluation(), metrics=metrics))
    document = Document(html)
    numbers = dict(zip(document.text['dt'], document.text['dd']))
    assert numbers['coco/bbox_mAP'] == '0.5'
    for key in ('coco/bbox_mAP_s', 'coco/AR@100', 'loss'):
        assert numbers[key] == '–'  # noqa: RUF001
    assert numbers['correlation'] == '-1'


def test_the_cells_of_a_confusion_matrix_are_shares_of_the_true_class(document):
    cells = [one for one in document.find('td') if 'style' in one]
    shares = [float(re.search(r',([\d.]+)\)', cell['style'])[1]) for cell in cells]
    assert shares == pytest.approx([0.75 * 0.75, 0.75 * 0.25, 0, 0.75], abs=0.006)
    assert [cell['title'] for cell in cells] == [f'{n} pixels' for n in (3, 1, 0, 4)]


def test_a_long_name_of_a_class_is_cut_and_shown_as_a_whole_on_demand():
    names = ['a' * 90, 'b']
    confusion = ConfusionMatrix(np.eye(2, dtype=int), names, names, 'images', '')
    html = render_page(make_page(Evaluation('', confusion=confusion))).decode()
    shown = f'title="{names[0]}"><span>{names[0]}</span></th>'
    assert html.count(shown) == 2  # a row and a column
    rule = re.search(r'\.matrix th span {([^}]*)}', html)[1]
    assert 'max-inline-size' in rule and 'overflow: hidden' in rule


def test_a_large_confusion_matrix_is_a_picture_and_a_list():
    counts = 100 * np.eye(200, dtype=int)
    counts[7, 9], counts[3, 5] = 60, 20
    names = [f'class {i}' for i in range(200)]
    confusion = ConfusionMatrix(counts, names, names, 'images', '')
    html = render_page(make_page(Evaluation('', confusion=confusion)))
    document = Document(html)
    assert len(html) < 200_000
    (picture,) = document.find('img')
    assert '200 classes' in picture['alt']
    cells = document.text['td']
    assert cells[:3] == ['class 9', '60', '37.5'] and cells[3:5] == ['class 5', '20']


def test_the_scan_of_the_data_is_shown(tmp_path):
    scan = tmp_path / 'data_scan.json'
    counts = [dict(cat=1200, dog=3), dict(cat=7, owl=0)]
    entries = [
        dict(
            loader=loader,
            dataset='CocoDataset',
            images=40,
            ignored=ignored,
            unit='boxes',
            classes=classes,
            warnings=[f'{loader}: no owl'],
            errors=[],
        )
        for loader, classes, ignored in zip(('train', 'val'), counts, (0.125, 0.0))
    ]
    scan.write_text(json.dumps(entries))
    document = Document(render_page(make_page(scan_file=scan)))
    assert {'train: no owl', 'val: no owl'} <= set(document.text['p'])
    assert {'train: boxes', 'val: boxes'} <= set(document.text['th'])
    cells = document.text['td']
    assert cells[-6:] == ['1,200', '7', '3', '0', '0', '0']
    # As in the terminal.
    assert '12.5 %' in cells and '0 %' in cells


@pytest.mark.parametrize('content', ['', '{', '{"a": 1}', '[1]', '[{"classes": 3}]'])
def test_another_file_in_place_of_the_scan_does_no_harm(content, tmp_path):
    scan = tmp_path / 'data_scan.json'
    scan.write_text(content)
    assert not Document(render_page(make_page(scan_file=scan))).unbalanced
