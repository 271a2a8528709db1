"""Config files that cannot be read, and what is said of them."""

import re

import pytest

from mmgroupmix.apis.config.read import read_config
from mmgroupmix.errors import UserError

WRONG = {
    "_base_ = 'absent.py'": r"FileNotFoundError: .*absent\.py'\. A path in _base_ is",
    "_base_ = 'mmdet::absent/absent.py'": r'FileNotFoundError: .*absent/absent\.py',
    "_base_ = 'mmaction::absent/absent.py'": r'ModuleNotFoundError: mmaction2',
    'first = 1\nmodel = dict(': r'config\.py, line 2\): SyntaxError',
    'first = 1\nmodel = absent': r"config\.py, line 2\): NameError: name 'absent'",
    "_base_ = 'base.py'\nsecond = 2": r'base\.py, line 3\): ZeroDivisionError',
}


@pytest.mark.smoke
@pytest.mark.parametrize('text, expected', WRONG.items())
def test_a_config_that_cannot_be_read_names_the_file_the_line_and_the_reason(
    text, expected, tmp_path
):
    (tmp_path / 'config.py').write_text(text)
    (tmp_path / 'base.py').write_text('\n\nfirst = 1 / 0\n')
    with pytest.raises(UserError) as caught:
        read_config(tmp_path / 'config.py')
    assert re.search(expected, str(caught.value)), caught.value
    assert 'custom_imports' not in str(caught.value)


@pytest.mark.smoke
@pytest.mark.parametrize(
    'base',
    [
        'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py',
        'mmseg::pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py',
        'mmpretrain::resnet/resnet18_8xb32_in1k.py',
    ],
)
def test_a_config_inherits_from_an_installed_toolbox_by_its_name(base, tmp_path):
    pytest.importorskip(base.partition('::')[0])
    (tmp_path / 'config.py').write_text(f'_base_ = {base!r}\n')
    assert read_config(tmp_path / 'config.py').model.backbone.depth == 18
