"""The page on attention maps and responses: its configs are complete as printed."""

import re

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from mmgroupmix.models import (
    ExternalAttention,
    GroupMixAttention,
    MultiHeadExternalAttention,
)

from .pages import REPOSITORY, read_page

PAGE = read_page('attention_maps')
CONFIGS = re.findall(r'`(\w+\.py)`, [^\n]*:\n\n```python\n(.*?)```', PAGE, re.DOTALL)


@pytest.mark.smoke
def test_the_page_has_a_config_for_each_figure():
    assert [name for name, _ in CONFIGS] == ['eanet_r18.py', 'eamlp_7.py', 'gmf_m.py']


@pytest.mark.smoke
@pytest.mark.parametrize('name, text', CONFIGS, ids=[name for name, _ in CONFIGS])
def test_a_config_of_the_page_builds_a_model_with_something_to_draw(name, text, tmp_path):
    (tmp_path / 'mmgroupmix').symlink_to(REPOSITORY)
    (tmp_path / name).write_text(text)
    cfg = Config.fromfile(tmp_path / name)
    cfg.model.backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope(cfg.default_scope), torch.device('meta'):
        model = MODELS.build(cfg.model)
    kinds = (ExternalAttention, GroupMixAttention, MultiHeadExternalAttention)
    assert any(isinstance(module, kinds) for module in model.modules())
