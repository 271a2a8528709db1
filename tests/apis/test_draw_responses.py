"""The command tools/draw_responses.py, with models that were not trained."""

import re
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmgroupmix.apis.draw_responses import main
from mmgroupmix.apis.recipes.describe import build_model

from ..commands import REPOSITORY
from ..models.small_backbones import NANO, NANO_EAMLP

needs_library = pytest.mark.skipif(
    find_spec('pytorch_grad_cam') is None, reason='grad-cam is not installed'
)

ARCH, EAMLP_ARCH = (dict(arch, _delete_=True) for arch in (NANO, NANO_EAMLP))
CLASSIFIERS = dict(
    gmf_m_in1k=dict(backbone=dict(arch=ARCH), head=dict(in_channels=40)),
    poolformer_s12_in1k=dict(backbone=dict(arch=ARCH), head=dict(in_channels=40)),
    eamlp_7_in1k=dict(backbone=dict(arch=EAMLP_ARCH), head=dict(in_channels=16)),
)
SEGMENTORS = dict(
    sem_fpn_gmf_t_ade20k=dict(
        backbone=dict(arch=ARCH, init_cfg=None),
        neck=dict(in_channels=[10, 20, 30, 40]),
    )
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two images, and small classifiers and segmentors."""
    folder = tmp_path_factory.mktemp('responses')
    generator = np.random.default_rng(0)
    for name in ('first.png', 'second.png'):
        pixels = generator.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    torch.manual_seed(0)
    for name, model in (CLASSIFIERS | SEGMENTORS).items():
        write_model(folder, name, model)
    return folder


def write_model(folder, name, settings):
    """Write a config and a checkpoint of random weights."""
    base = REPOSITORY / 'configs' / f'{name}.py'
    path = folder / f'{name}.py'
    path.write_text(f'_base_ = {str(base)!r}\nmodel = {settings!r}\n')
    model = build_model(Config.fromfile(path), 'cpu')
    torch.save(dict(state_dict=model.state_dict()), folder / f'{name}.pth')


@pytest.fixture
def draw(folder, monkeypatch, capsys):
    """Run the command in ``folder``: the exit code, and what it prints."""
    monkeypatch.chdir(folder)

    def draw(name, *arguments):
        code = main([f'{name}.py', f'{name}.pth', *arguments, '--device', 'cpu'])
        output = capsys.readouterr()
        return code, output.out + output.err

    return draw


def test_the_responses_of_each_image_are_drawn(draw, folder):
    images = ['first.png', 'second.png']
    heights = []
    for num_images in (1, 2):
        options = ['--out', f'{num_images}.png']
        code, printed = draw('gmf_m_in1k', *images[:num_images], *options)
        assert code == 0, printed
        assert f'{num_images}.png: stage 2, block 0, maps of 14 x 14' in printed
        with Image.open(folder / f'{num_images}.png') as picture:
            heights.append(picture.height)
    assert heights[1] / heights[0] == pytest.approx(2, rel=0.1)


def test_a_segmentor_has_responses_but_no_grad_cam(draw, monkeypatch):
    code, printed = draw('sem_fpn_gmf_t_ade20k', 'first.png', '--stage', '3')
    assert code == 0, printed
    assert 'first_responses.png: stage 3, block 0' in printed
    monkeypatch.setattr('mmgroupmix.apis.draw_responses.import_grad_cam', lambda: None)
    code, printed = draw('sem_fpn_gmf_t_ade20k', 'first.png', '--cam')
    assert code == 2
    assert 'config of mmseg, expected a classifier of mmpretrain' in printed


@needs_library
@pytest.mark.parametrize('name', CLASSIFIERS)
def test_the_grad_cam_of_each_classifier_is_drawn(name, draw, folder):
    widths = []
    for classes in (['--classes', '3'], ['--classes', '3', '999', '5']):
        options = ['--cam', *classes, '--out', f'{name}.png', '--overwrite']
        code, printed = draw(name, 'first.png', 'second.png', *options)
        assert code == 0, printed
        with Image.open(folder / f'{name}.png') as picture:
            widths.append(picture.width)
    assert widths[1] == 2 * widths[0]  # the image and three maps, the image and one


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, message',
    [
        (['none.png'], 'image not found: none.png'),
        (['first.png', '--out', 'grid.jpg'], 'expected the name of a .png file'),
        (['first.png', '--out', 'second.png'], 'second.png exists already'),
        (['first.png', '--classes', '3'], '--classes .*give --cam too'),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_a_model_is_built(
    arguments, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for name in ('first.png', 'second.png'):
        (tmp_path / name).touch()
    assert main(['no.py', 'no.pth', *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)


@needs_library
def test_a_class_that_the_model_does_not_have_is_refused(draw, folder):
    options = ['--cam', '--classes', '0', '1000', '--out', 'none.png']
    code, printed = draw('gmf_m_in1k', 'first.png', *options)
    assert code == 2
    assert '--classes [1000]: expected 0 to 999' in printed
    assert not (folder / 'none.png').exists()
