"""Pages of a report, made of little, and what is in their HTML."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from mmengine.config import Config
from PIL import Image

from mmgroupmix.apis.report.contents import (
    Box,
    ConfusionMatrix,
    Evaluation,
    Outline,
    Panel,
    Picture,
    Table,
)
from mmgroupmix.apis.report.page import Page
from mmgroupmix.apis.report.photos import encode_png, make_photo

VOID = {'meta', 'img', 'link', 'br', 'hr', 'input'}
MAGENTA, GREEN = (255, 0, 255), (0, 160, 0)


class Document(HTMLParser):
    """The elements of a page, with their attributes, and its text.

    Attributes:
        elements (list[tuple[str, dict]]): Tags with attributes.
        text (dict[str, list[str]]): What stands directly in each kind of element.
        unbalanced (list[str]): End tags that end nothing that is open.
    """

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.unbalanced, self._open = [], {}, [], []
        self.feed(html if isinstance(html, str) else html.decode())
        self.close()
        self.unbalanced += self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if self._open and data.strip():
            self.text.setdefault(self._open[-1], []).append(data.strip())

    def find(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def make_picture(name='1.png', label='cat', is_drawn=True):
    """A magenta photo with a box, a mask and, at the right, a green label map."""
    photo = make_photo(np.full((30, 40, 3), MAGENTA, np.uint8))
    colors = np.zeros((3, 4, 4), np.uint8)
    colors[:, 2:] = (*GREEN, 255)
    panels = [
        Panel(
            title,
            f'one {label}',
            [Box(2, 2, 9, 9, '#ffff00', label)],
            [Outline('2,2 9,2 9,9', '#ffff00')],
            encode_png(Image.fromarray(colors)),
            [('#00a000', label)],
        )
        for title in ('truth', 'prediction')
    ]
    if not is_drawn:
        panels = [Panel(one.title, one.description) for one in panels]
    return Picture(name, '50.0 %', photo, panels)


def make_evaluation(label='cat', name='1.png', is_drawn=True):
    names = [label, 'dog']
    return Evaluation(
        'mean IoU',
        is_drawn,
        3,
        [Table('Metrics', ['class', 'IoU'], [[label, '12.5'], ['dog', '80.0']])],
        ConfusionMatrix(np.array([[3, 1], [0, 4]]), names, names, 'pixels', 'counted'),
        f'folder of {name}',
        [make_picture(name, label, is_drawn)],
        [make_picture(name, label, is_drawn)],
        [f'a note on {label}'],
    )


def make_page(evaluation=None, **options):
    settings = dict(
        name='experiment',
        evaluated='the last validation' if evaluation else '',
        metrics=dict(mIoU=41.25) if evaluation else {},
        evaluation=evaluation,
        curves=None,
        config=Config(dict(model=dict(type='EncoderDecoder'))),
        scan_file=Path('absent.json'),
        toolbox='mmseg',
        command='tools/train.py config.py',
        date='2026-11-30 12:00',
        seed=3,
    )
    return Page(**settings | options)
