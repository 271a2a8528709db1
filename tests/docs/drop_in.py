"""The page on using a backbone in an existing config, taken apart."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS
from torch import nn

from .pages import find_code, read_page

DROP_IN = read_page('drop_in')

BLOCKS = find_code(DROP_IN)

#: Complete files by name.
FILES = {m[1]: block for block in BLOCKS if (m := re.match(r'# (\w+)\.py', block))}

#: The files that use a backbone of this package, and the one that keeps its own.
EXTERNAL_ATTENTION = 'retinanet_r50_ea'
CONFIGS = {name: block for name, block in FILES.items() if name != EXTERNAL_ATTENTION}

#: The two blocks that belong into another file.
OTHER_IMPORTS, OPTIMIZER = (block for block in BLOCKS if block[0] != '#')

#: Channels by backbone and architecture.
WIDTHS = {
    (family, arch): json.loads(widths)
    for family, archs, widths in re.findall(
        r'^\| `mmgroupmix\.(\w+)` \| (.*) \| `(\[.*\])` \|$', DROP_IN, re.MULTILINE
    )
    for arch in re.findall(r'`(\w+)`', archs)
}

MESSAGES = re.findall(r'^\| `(.*?)` \|', DROP_IN.partition('| message')[2], re.MULTILINE)


def find_toolbox_files(toolbox: str) -> Path:
    """The folder with the configs and tools that ship with a toolbox."""
    folder = Path(find_spec(toolbox).origin).parent / '.mim'
    if not (folder / 'configs').is_dir() or not (folder / 'tools').is_dir():
        pytest.skip(f'{toolbox} is installed without its configs and tools')
    return folder


def read_config(project: Path, name: str, text: str | None = None) -> Config:
    """The config of a file of the page, or of another text next to them."""
    if text is not None:
        (project / f'{name}.py').write_text(text)
    return Config.fromfile(project / f'{name}.py')


def build_backbone(cfg: Config) -> nn.Module:
    """The backbone of a config, with random weights."""
    return MODELS.build(dict(cfg.model.backbone, init_cfg=None))
