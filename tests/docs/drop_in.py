"""The page on existing configs, taken apart."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS

REPOSITORY = Path(__file__).parents[2]

DROP_IN = (REPOSITORY / 'docs' / 'drop_in.md').read_text(encoding='utf-8')

BLOCKS = re.findall(r'```python\n(.*?)```', DROP_IN, flags=re.DOTALL)

#: Files by name, and the two blocks that are parts of one.
CONFIGS = {m[1]: block for block in BLOCKS if (m := re.match(r'# (\w+)\.py', block))}

OTHER_IMPORTS, OPTIMIZER = (block for block in BLOCKS if block[0] != '#')

#: By backbone and architecture.
WIDTHS = {
    (kind, arch): json.loads(widths)
    for kind, archs, widths in re.findall(
        r'^\| `mmgroupmix\.(\w+)` \| (.*) \| `(\[.*\])` \|$', DROP_IN, re.MULTILINE
    )
    for arch in re.findall(r'`(\w+)`', archs)
}

MESSAGES = re.findall(
    r'^\| `(.*?)` \|', DROP_IN.partition('| what you see')[2], re.MULTILINE
)


def toolbox_files(toolbox):
    folder = Path(find_spec(toolbox).origin).parent / '.mim'
    if not (folder / 'configs').is_dir() or not (folder / 'tools').is_dir():
        pytest.skip(f'{toolbox} is installed without its configs and tools')
    return folder


def read(project, name, text=None):
    """The config of a file of the page, or of another text beside them."""
    if text is not None:
        (project / f'{name}.py').write_text(text)
    return Config.fromfile(project / f'{name}.py')


def backbone_of(cfg):
    """The backbone of a config, from random weights."""
    return MODELS.build(dict(cfg.model.backbone, init_cfg=None))
