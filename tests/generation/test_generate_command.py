"""The command that draws images from a checkpoint."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmgroupmix.apis.config.read import read_config
from mmgroupmix.apis.generate import build_model, load_model, main
from mmgroupmix.generation import to_published_names

from ..commands import REPOSITORY
from .gan_runs import CONFIG

FILES = [
    'class_000_seed_000004.png',
    'class_000_seed_000006.png',
    'class_002_seed_000005.png',
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A config, its weights as a training saves them, and the generator's alone."""
    folder = tmp_path_factory.mktemp('draw')
    text = CONFIG.replace("'mmgroupmix', 'color_features'", "'mmgroupmix'")
    (folder / 'config.py').write_text(text)
    model = build(folder)
    torch.save(dict(state_dict=model.state_dict()), folder / 'iter_4.pth')
    for name in ('generator', 'discriminator'):
        weights = to_published_names(getattr(model, name).state_dict())
        torch.save(dict(state_dict=weights), folder / f'{name}.pth')
    return folder


def build(folder):
    torch.manual_seed(0)
    return build_model(read_config(folder / 'config.py'))


def draw(folder, checkpoint, out, *options):
    arguments = [folder / 'config.py', folder / checkpoint, '--out', out, *options]
    return main([str(argument) for argument in arguments])


def read(path):
    return np.asarray(Image.open(path))


def test_images_are_named_by_class_and_seed_and_shown_in_a_grid(folder, tmp_path):
    options = ['--num', 3, '--classes', 0, 2, '--seed', 4, '--device', 'cpu']
    assert draw(folder, 'iter_4.pth', tmp_path / 'a', *options) == 0
    assert sorted(path.name for path in (tmp_path / 'a').iterdir()) == [
        *FILES,
        'grid.png',
    ]
    expected = load_model(folder / 'config.py', folder / 'iter_4.pth').generate([5], [2])
    expected = ((expected[0] + 1) * 127.5).round().byte().permute(1, 2, 0)
    np.testing.assert_array_equal(read(tmp_path / 'a' / FILES[2]), expected)
    grid = read(tmp_path / 'a' / 'grid.png')
    assert grid.shape == (2 * 34 + 2, 2 * 34 + 2, 3)
    np.testing.assert_array_equal(grid[2:34, 36:68], expected)
    # The same images from the weights of the generator alone, in other batches.
    options += ['--batch-size', 2]
    assert draw(folder, 'generator.pth', tmp_path / 'b', *options) == 0
    for name in FILES:
        difference = read(tmp_path / 'a' / name).astype(int) - read(tmp_path / 'b' / name)
        assert abs(difference).max() <= 1


def test_earlier_images_stay_unless_they_may_be_replaced(folder, tmp_path, capsys):
    (tmp_path / 'notes.txt').write_text('mine')
    (tmp_path / 'old.png').write_text('old')
    assert draw(folder, 'iter_4.pth', tmp_path, '--num', 1) == 2
    assert f'--out {tmp_path} holds 2 entries' in capsys.readouterr().err
    assert (tmp_path / 'old.png').exists()
    assert draw(folder, 'iter_4.pth', tmp_path, '--num', 1, '--overwrite') == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ['class_000_seed_000000.png', 'grid.png', 'notes.txt']


@pytest.mark.parametrize(
    ('checkpoint', 'options', 'words'),
    [
        (
            'discriminator.pth',
            [],
            ['discriminator.pth: these are the weights of'],
        ),
        ('absent.pth', [], ['absent.pth']),
        ('iter_4.pth', ['--classes', 10], ['--classes 10', '10 classes', '0 to 9']),
        ('iter_4.pth', ['--num', 0], ['--num 0: expected 1 or more']),
        ('iter_4.pth', ['--seed', -1], ['--seed -1: expected 0 or more']),
        (
            'iter_4.pth',
            ['--cfg-options', 'model.generator.base_channels=4'],
            ['iter_4.pth does not fit the generator', 'of another shape', 'linear0'],
        ),
    ],
)
def test_mistakes_are_named_in_one_line(
    folder, tmp_path, capsys, checkpoint, options, words
):
    assert draw(folder, checkpoint, tmp_path / 'out', *options) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in words), error
    assert error.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_a_config_without_a_generator_is_refused(tmp_path, capsys):
    config = REPOSITORY / 'configs' / 'gmf_t_in1k.py'
    assert main([str(config), 'x.pth', '--out', str(tmp_path / 'out')]) == 2
    assert 'gmf_t_in1k.py has no generator' in capsys.readouterr().err
