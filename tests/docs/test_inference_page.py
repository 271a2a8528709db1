"""The page on inference: its Python runs as printed."""

import re

import torch

from mmgroupmix.models import GroupMixFormer

from ..checkpoints.test_eanet_files import create_published_eanet
from .pages import find_code, read_page

PAGE = read_page('inference')
FUSE, CONVERT, CONVERT_EANET, NAMES = find_code(PAGE)


def run(code):
    """The variables that the code leaves."""
    variables = {}
    exec(code, variables)
    return variables


def test_the_backbone_of_the_page_is_folded_and_returns_four_maps():
    variables = run(FUSE)
    assert [x.shape[2:] for x in variables['maps']] == [
        (56, 56),
        (28, 28),
        (14, 14),
        (7, 7),
    ]
    modules = variables['backbone'].modules()
    assert not [m for m in modules if isinstance(m, torch.nn.BatchNorm2d)]


def test_the_converted_file_of_the_page_loads_into_the_backbone(
    groupmixformer_golden, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'pretrained').mkdir()
    torch.save(groupmixformer_golden.state_dict(), 'pretrained/groupmixformer_tiny.pth')
    run(CONVERT)
    converted = torch.load('groupmixformer_t.pth')
    with torch.device('meta'):
        backbone = GroupMixFormer('t')
    backbone.load_state_dict(converted, strict=True, assign=True)


def test_the_converted_eanet_of_the_page_has_a_backbone_and_a_head(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = create_published_eanet()
    # All tensors in the memory of the largest: the whole model would be 200 MB.
    shared = torch.zeros(max(value.numel() for value in file.values()))
    values = {
        key: shared[: value.numel()].view(value.shape) for key, value in file.items()
    }
    torch.save(dict(net=values), 'final.pth')
    run(CONVERT_EANET)
    (name,) = re.findall(r"'(eanet\w+\.pth)'", CONVERT_EANET)
    converted = torch.load(name)
    assert len(converted) == len(values)
    assert {key.partition('.')[0] for key in converted} == {'backbone', 'decode_head'}


def test_the_models_of_the_page_are_built_by_name_without_weights():
    variables = run(NAMES)
    config = variables['classifier']._config
    assert config.filename.endswith('configs/gmf_t_in1k.py')
    names = re.findall(r"Inferencer\('(\w+)'", NAMES)
    assert len(names) == 2
    for inferencer, name in zip(('detector', 'segmentor'), names):
        assert variables[inferencer].cfg.filename.endswith(f'configs/{name}.py')
