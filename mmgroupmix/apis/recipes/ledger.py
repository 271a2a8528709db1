"""The ledger of recipes, ``configs/recipes/*.yml``: values and their sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...errors import UserError

#: Where a value comes from: a paper, published code, a toolbox's own config, or here.
KINDS = ('paper', 'code', 'toolbox', 'ours')


@dataclass(frozen=True)
class Setting:
    """One line of the ledger.

    Attributes:
        value (Any): The value, as :func:`describe_recipe` gives it.
        kind (str): One of ``KINDS``.
        source (str): Section of a paper, file and line of code, or the reason.
    """

    value: Any
    kind: str
    source: str


def find_ledger(config: str | Path) -> Path:
    """The ledger that belongs to a config: the folder ``recipes`` beside or above it."""
    folders = Path(config).resolve().parents
    return next((f / 'recipes' for f in folders if (f / 'recipes').is_dir()), folders[0])


def read_ledger(folder: str | Path) -> dict[str, dict[str, Setting]]:
    """Read the ledger.

    Each file has ``parts``, which map names of settings to value, kind and source, and
    ``experiments``, which name their parts and have settings of their own. An ablation
    names as ``base`` the experiment, read before it, whose other settings it has.

    Args:
        folder (str | Path): The folder of the ``.yml`` files.

    Returns:
        dict[str, dict[str, Setting]]: The settings of each experiment by its name.

    Raises:
        UserError: If an experiment names an unknown part or base, or a line lacks value,
            kind or source.
    """
    ledger: dict[str, dict[str, Setting]] = {}
    for file in read_files(folder):
        parts = file.get('parts') or {}
        for name, experiment in (file.get('experiments') or {}).items():
            lines: dict[str, dict] = {}
            for part in experiment.get('parts', ()):
                if part not in parts:
                    raise UserError(f'recipe of {name}: unknown part {part!r}')
                lines |= parts[part]
            lines |= experiment.get('settings') or {}
            base = experiment.get('base')
            if base is not None and base not in ledger:
                raise UserError(f'recipe of {name}: unknown base {base!r}')
            ledger[name] = dict(ledger.get(base, {})) | {
                key: _read_line(name, key, line) for key, line in lines.items()
            }
    return ledger


def read_files(folder: str | Path) -> list[dict[str, Any]]:
    """Read the files of a ledger, in the order of their names."""
    paths = sorted(Path(folder).glob('*.yml'))
    return [yaml.safe_load(path.read_text(encoding='utf-8')) for path in paths]


def _read_line(experiment: str, name: str, line: Mapping) -> Setting:
    if set(line) != {'value', 'kind', 'source'} or line['kind'] not in KINDS:
        raise UserError(
            f'recipe of {experiment}: {name} has {sorted(line)}, expected value, source '
            f'and a kind of {", ".join(KINDS)}'
        )
    return Setting(line['value'], line['kind'], line['source'])
