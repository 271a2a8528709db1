"""``tools/train.py CONFIG --data PATH``: from a folder to an ordinary config."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...checkpoints.atomic_files import write_atomically
from ...errors import UserError
from ..config.output_files import refuse_link
from ..config.work_dir import find_checkpoints, prepare_work_dir
from ..tasks import Task
from ..tasks.detection import predicts_masks
from .adapt_data import Reasons, use_datasets
from .adapt_model import fit_anchors, set_classes
from .adapt_schedule import fit_batch, fit_schedule, fit_sizes
from .coco import CocoData
from .listing import MADE_FOLDER, RECORD
from .own_data import OwnData
from .recognize import recognize
from .table import format_table
from .weights import start_from_published
from .write_config import Differences

SEED = 0


@dataclass(frozen=True)
class Prepared:
    """What was written.

    Attributes:
        config (str): The config.
        report (str): A table of the data, and what was changed; for the user.
    """

    config: str
    report: str


def prepare_data(
    cfg: Config,
    task: Task,
    path: str,
    work_dir: str,
    options: Mapping[str, Any],
    keep: bool,
    overwrite: bool,
) -> Prepared:
    """Recognise data and write a config for them into the work directory.

    Args:
        cfg (Config): The user's config, changed in place.
        task (Task): Its task.
        path (str): The folder of the data.
        work_dir (str): The folder of the run.
        options (Mapping): The user's options, which may name the length of the training.
        keep (bool): Whether to use the config of an earlier run, to resume it.
        overwrite (bool): Whether to replace a config that was edited since.

    Returns:
        Prepared: The config and what to print.

    Raises:
        UserError: If the data are not recognised or do not fit, or a config that the
            user has edited or an earlier run is in the way.
    """
    folder = Path(os.path.abspath(work_dir))
    made = folder / MADE_FOLDER
    target = folder / f'{name_config(cfg, path)}.py'
    for place in (made, target):
        refuse_link(place)
    if keep and target.is_file():
        return Prepared(str(target), f'--data: resuming with {target}')
    if not overwrite:
        _check_earlier_run(folder, target, keep)
        _check_unedited(target, made)
    seed = (cfg.get('randomness') or {}).get('seed')
    seed = SEED if seed is None else seed
    masks = task.toolbox == 'mmdet' and predicts_masks(cfg.model)
    data = recognize(path, task, folder, masks)
    data.make_splits(seed)
    _check_splits(data, path)
    datasets = data.write(made)
    base = cfg.to_dict()
    reasons = _adapt(cfg, task, data, datasets, options)
    text = write_text(cfg, base, data, reasons, path, target)
    write_atomically(target, text.encode())
    record = dict(
        written=target.name,
        sha256=_digest(target),
        config=cfg.filename,
        data=os.path.abspath(path),
        seed=seed,
    )
    write_atomically(made / RECORD, json.dumps(record, indent=1).encode())
    report = format_table(data, datasets, reasons, str(made), str(target))
    return Prepared(str(target), report)


def find_original(config: str) -> str | None:
    """The config that a written one inherits from.

    Args:
        config (str): A config.

    Returns:
        str | None: None if ``--data`` did not write it where it lies.
    """
    record = _read_record(Path(config).parent / MADE_FOLDER)
    return record.get('config') if record.get('written') == Path(config).name else None


def name_config(cfg: Config, path: str) -> str:
    """The name of the written config: that of the user's, and of the data."""
    name = os.path.basename(os.path.abspath(path)).removesuffix('.json')
    words = re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_') or 'own_data'
    return f'{Path(cfg.filename).stem}_{words}'


def write_text(
    cfg: Config,
    base: Mapping,
    data: OwnData,
    reasons: Reasons,
    path: str,
    target: Path,
) -> str:
    """The text of the config.

    Args:
        cfg (Config): The adapted config.
        base (Mapping): The user's, before.
        data (OwnData): The data.
        reasons (Reasons): Why a setting was changed, by place.
        path (str): The data, as the user named them.
        target (Path): Where the text will be.

    Returns:
        str: It inherits from the user's config by its absolute path, since a work
        directory may be a link to another disk; from one of imports it is complete.
    """
    config = cfg.to_dict()
    metainfo = next(iter(_find(config, 'metainfo')))
    variables = dict(data_root=f'{data.root}/', metainfo=metainfo)
    # A config that imports its parts cannot be a base of one that does not.
    inherits = not Config._is_lazy_import(cfg.filename)
    writer = Differences(variables, base if inherits else {}, reasons)
    heading = '\n'.join(
        [
            f'"""{Path(cfg.filename).stem} with the data in {_plain(path)}.',
            '',
            'Written by --data, for you to edit. It runs without the option:',
            f'python tools/train.py {_plain(os.path.relpath(target))}',
            '',
            f'The data: {_plain(data.origin)}.',
            *(f'- {_plain(note)}' for note in data.notes),
            '"""',
        ]
    )
    parts = [heading, '']
    if inherits:
        parts += [f'_base_ = {os.path.abspath(cfg.filename)!r}', '']
    parts += [writer.assign(name, value) for name, value in variables.items()]
    return '\n'.join(parts) + '\n\n' + writer.format(config)


def _adapt(
    cfg: Config,
    task: Task,
    data: OwnData,
    datasets: Mapping[str, dict],
    options: Mapping,
) -> Reasons:
    """Change everything that depends on the data, in place."""
    use_datasets(cfg, task, data, datasets)
    reasons = set_classes(cfg, task, data.classes)
    if weights := start_from_published(cfg, options):
        reasons['model.backbone'] = weights
    if cfg.get('train_dataloader'):
        reasons |= fit_sizes(cfg, task, data)
        if isinstance(data, CocoData):
            reasons |= fit_anchors(cfg, data.boxes())
        reasons |= fit_batch(cfg, data)
        reasons |= fit_schedule(cfg, task, data, options)
    return reasons


def _check_splits(data: OwnData, path: str) -> None:
    """Refuse a split without an image, which no run could use."""
    for split in ('train', 'val'):
        if not data.splits.get(split):
            notes = ''.join(f' {note}.' for note in data.notes)
            raise UserError(
                f'--data {path}: {data.origin}: no image is left for {split}.{notes} At '
                'least two images of a class are needed.'
            )


def _check_earlier_run(folder: Path, target: Path, keep: bool) -> None:
    """Refuse to replace the split of a run that has checkpoints to resume."""
    if not keep:
        prepare_work_dir(folder, None, overwrite=False)
    written = _read_record(folder / MADE_FOLDER).get('written')
    if written not in (None, target.name) and find_checkpoints(folder):
        raise UserError(
            f'--resume: {folder} holds a run of {written}, and --data would write '
            f'{target.name} and replace its split. Resume with the same CONFIG and '
            '--data, or give another --work-dir.'
        )


def _check_unedited(target: Path, made: Path) -> None:
    """Refuse to replace a config that is not as it was written."""
    if not target.exists():
        return
    if _read_record(made).get('sha256') != _digest(target):
        raise UserError(
            f'{target} was edited, and --data would write it again. Run it as it is: '
            f'python tools/train.py {os.path.relpath(target)}; or give another '
            '--work-dir, or --overwrite.'
        )


def _read_record(made: Path) -> dict:
    """The record of the written config, empty if it is missing or damaged."""
    try:
        record = json.loads((made / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _find(node: Any, key: str) -> list:
    """Values of a key at any depth."""
    if isinstance(node, Mapping):
        own = [node[key]] if key in node else []
        return own + [x for child in node.values() for x in _find(child, key)]
    return []


def _plain(text: str) -> str:
    """Text that cannot end the docstring of a config."""
    return str(text).replace('\\', '/').replace('"""', "'''")
