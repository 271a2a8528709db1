"""The page: all that it shows, as one HTML file without scripts."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, StrictUndefined
from mmengine.config import Config
from mmengine.dist import get_world_size
from PIL import Image

from ...engine.hooks.curves import format_metrics
from ...version import __version__
from ..config.tree import type_name
from .contents import ConfusionMatrix, Evaluation, Table
from .data_tables import read_data_tables
from .photos import encode_png

#: By this, a file is known to be a report that a later one may replace.
GENERATOR = 'mmgroupmix run report'
#: A larger confusion matrix is drawn, and its most frequent entries are listed.
MAX_MATRIX_CELLS = 30
NUM_CONFUSIONS = 20
TEMPLATE = Path(__file__).with_name('page.html')


@dataclass(frozen=True)
class Page:
    """The contents of a report.

    Attributes:
        name (str): The experiment.
        evaluated (str): What was evaluated, '' if nothing was.
        metrics (Mapping[str, Any]): The result of the evaluation.
        evaluation (Evaluation | None): What it showed.
        curves (Path | None): A picture of the curves of the training.
        config (Config): The configuration.
        scan_file (Path): The data table that the training wrote, if it did.
        toolbox (str): The module of the toolbox.
        command (str): The command line.
        date (str): When the report was written.
        seed (int | None): Of the random numbers.
    """

    name: str
    evaluated: str
    metrics: Mapping[str, Any]
    evaluation: Evaluation | None
    curves: Path | None
    config: Config
    scan_file: Path
    toolbox: str
    command: str
    date: str
    seed: int | None


def render_page(page: Page) -> bytes:
    """Write a page as HTML; every text in it is escaped.

    Args:
        page (Page): The contents.

    Returns:
        bytes: In UTF-8; characters that it cannot have are replaced.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding='utf-8'))
    evaluation = page.evaluation
    curves = read_curves(page.curves)
    numbers = list_numbers(page.metrics)
    data = read_data_tables(page.scan_file)
    sections = (
        ('curves', 'Curves', curves),
        ('numbers', 'Metrics', numbers),
        ('classes', 'Metrics per class', evaluation and evaluation.tables),
        ('confusion', 'Confusion matrix', evaluation and evaluation.confusion),
        ('best', 'Best images', evaluation and evaluation.best),
        ('worst', 'Worst images', evaluation and evaluation.worst),
        ('data', 'Data', data),
        ('configuration', 'Configuration', True),
        ('versions', 'Versions', True),
    )
    html = template.render(
        page=page,
        generator=GENERATOR,
        sections=[(name, title) for name, title, content in sections if content],
        result=format_metrics(page.metrics) if page.evaluated else '',
        numbers=numbers,
        curves=curves,
        evaluation=evaluation,
        matrix=MatrixView(evaluation.confusion)
        if evaluation and evaluation.confusion
        else None,
        data=data,
        settings=list_settings(page),
        config_text=page.config.pretty_text,
        versions=list_versions(page.toolbox),
    )
    return html.encode(errors='replace')


class MatrixView:
    """A confusion matrix as cells, or as a picture with its most frequent entries.

    Args:
        confusion (ConfusionMatrix): The matrix.

    Attributes:
        confusion (ConfusionMatrix): The part of it with classes that occur.
        num_absent (int): Classes that do not.
        cells (list[list[tuple[str, float, int]]] | None): Text, share of the row and
            count of each cell; None for a large matrix.
        image (str): A data URI of a large matrix, else ''.
        confusions (Table): The most frequent entries off the diagonal.
    """

    def __init__(self, confusion: ConfusionMatrix):
        num_classes = len(confusion.true_names)
        confusion = drop_absent(confusion)
        self.confusion = confusion
        self.num_absent = num_classes - len(confusion.true_names)
        counts = confusion.counts
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        self.cells = None
        self.image = ''
        if max(counts.shape) <= MAX_MATRIX_CELLS:
            self.cells = [
                [
                    (f'{100 * share:.0f}' if count else '', float(share), int(count))
                    for share, count in zip(*row)
                ]
                for row in zip(shares, counts)
            ]
        else:
            self.image = _draw_matrix(shares)
        self.confusions = _list_confusions(confusion, shares)


def drop_absent(confusion: ConfusionMatrix) -> ConfusionMatrix:
    """A confusion matrix without classes that neither labels nor predictions have."""
    true, predicted = confusion.true_names, confusion.predicted_names
    present = {name for name, row in zip(true, confusion.counts) if row.any()}
    present |= {name for name, row in zip(predicted, confusion.counts.T) if row.any()}
    rows = [i for i, name in enumerate(true) if name in present]
    columns = [i for i, name in enumerate(predicted) if name in present]
    return replace(
        confusion,
        counts=confusion.counts[np.ix_(rows, columns)],
        true_names=[true[i] for i in rows],
        predicted_names=[predicted[i] for i in columns],
    )


def _draw_matrix(shares: np.ndarray) -> str:
    """One square of pixels for each cell, the darker the more frequent."""
    scale = max(1, 640 // max(shares.shape))
    gray = np.uint8(255 * (1 - np.sqrt(shares)))
    image = Image.fromarray(gray.repeat(scale, axis=0).repeat(scale, axis=1))
    return encode_png(image)


def _list_confusions(confusion: ConfusionMatrix, shares: np.ndarray) -> Table:
    rows: list[list[str]] = []
    for flat in np.argsort(-confusion.counts, axis=None, kind='stable'):
        i, j = np.unravel_index(flat, shares.shape)
        true, predicted = confusion.true_names[i], confusion.predicted_names[j]
        if not confusion.counts[i, j] or len(rows) == NUM_CONFUSIONS:
            break
        if i != j:
            count = f'{confusion.counts[i, j]:,}'
            rows.append([true, predicted, count, f'{100 * shares[i, j]:.1f}'])
    header = ['truth', 'prediction', confusion.unit, '% of the truth']
    return Table('The most frequent confusions', header, rows, num_names=2)


def list_numbers(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every number of an evaluation; a dash for what could not be computed."""
    numbers = []
    for key, value in metrics.items():
        if isinstance(value, (int, float, np.number)):
            # COCO's -1 and mmengine's NaN stand for the mean of nothing.
            is_coco = 'mAP' in key or 'AR' in key
            is_known = np.isfinite(value) and not (is_coco and value == -1)
            numbers.append((key, f'{value:.4g}' if is_known else '–'))  # noqa: RUF001
    return numbers


def read_curves(path: Path | None) -> str:
    """A picture as a data URI, '' if there is none."""
    return encode_png(path.read_bytes()) if path and path.is_file() else ''


def list_settings(page: Page) -> list[tuple[str, str]]:
    """The settings that a reader asks for first."""
    cfg = page.config
    model, optimizer = cfg.get('model') or {}, cfg.get('optim_wrapper') or {}
    model = model.get('module') or model  # within one for test-time augmentation
    backbone = model.get('backbone') or {}
    inner = optimizer.get('optimizer') or {}
    length = cfg.get('train_cfg') or {}
    train = cfg.get('train_dataloader') or {}
    settings = {
        'model': type_name(model),
        'backbone': ' '.join(filter(None, [type_name(backbone), _name_arch(backbone)])),
        'weights': cfg.get('load_from'),
        'iterations': length.get('max_iters'),
        'epochs': length.get('max_epochs'),
        'batch size': train.get('batch_size'),
        'processes': get_world_size(),
        'optimizer': type_name(inner),
        'learning rate': inner.get('lr'),
        'seed': page.seed,
        'work directory': cfg.get('work_dir'),
        'command': page.command,
    }
    return [(key, str(value)) for key, value in settings.items() if value]


def _name_arch(backbone: Mapping) -> str:
    arch = backbone.get('arch') or backbone.get('depth') or ''
    return arch if isinstance(arch, str) else str(arch) if isinstance(arch, int) else ''


def list_versions(toolbox: str) -> list[tuple[str, str]]:
    """Versions of what ran, and the device."""
    modules = ('torch', 'torchvision', 'mmengine', 'mmcv', toolbox)
    versions = [('mmgroupmix', __version__), ('Python', platform.python_version())]
    versions += [(name, import_module(name).__version__) for name in modules]
    device = platform.processor() or platform.machine()
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
        versions.append(('CUDA', str(torch.version.cuda)))
    return [*versions, ('device', device), ('system', platform.platform())]
