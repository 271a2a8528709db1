"""Weights that are not numbers are refused by the commands, by file and name."""

import pytest
import torch
from PIL import Image

from ..commands import (
    CONFIGS,
    config_of_run,
    infer,
    mini_images,
    run_tool,
    shipped_config,
)
from .test_valid_json import read_strictly


@pytest.fixture(scope='module')
def diverged(cls_run, workspace):
    """The checkpoint of a run, with one value that is NaN."""
    checkpoint = torch.load(workspace / 'run_cls' / 'epoch_1.pth', weights_only=False)
    checkpoint['state_dict']['backbone.layer1.0.conv1.weight'][0, 0, 0, 0] = float('nan')
    torch.save(checkpoint, workspace / 'diverged.pth')
    return 'diverged.pth'


MESSAGE = (
    'error: diverged.pth holds NaN or infinite weights: backbone.layer1.0.conv1.weight. '
)


def test_infer_refuses_them_and_keeps_what_is_there(diverged, workspace):
    out = workspace / 'infer_diverged'
    out.mkdir()
    (out / 'predictions.json').write_text('earlier')
    image = next(mini_images('cls', workspace).rglob('*.JPEG'))
    arguments = [config_of_run('cls'), diverged, image, '--out-dir', out, '--overwrite']
    result = run_tool('infer.py', *arguments, cwd=workspace)
    assert result.returncode == 2 and MESSAGE in result.stderr
    assert 'Traceback' not in result.stderr
    assert (out / 'predictions.json').read_text() == 'earlier'


def test_a_test_refuses_them_before_the_first_image(diverged, workspace):
    options = ['--demo', '--work-dir', 'loop_diverged']
    result = run_tool(
        'test.py', shipped_config(CONFIGS['cls']), diverged, *options, cwd=workspace
    )
    assert result.returncode == 2 and MESSAGE in result.stderr
    assert 'Traceback' not in result.stderr and 'Epoch(test)' not in result.stdout


def test_weights_of_another_shape_are_not_tested(cls_run, workspace):
    checkpoint = torch.load(workspace / 'run_cls' / 'epoch_1.pth', weights_only=False)
    checkpoint['state_dict']['head.fc.bias'] = torch.ones(7)
    torch.save(checkpoint, workspace / 'wider.pth')
    config, options = shipped_config(CONFIGS['cls']), ['--demo', '--work-dir', 'loop_w']
    result = run_tool('test.py', config, 'wider.pth', *options, cwd=workspace)
    assert result.returncode == 2 and 'Traceback' not in result.stderr
    assert 'error: wider.pth does not fit' in result.stderr
    assert 'head.fc.bias has the shape (7,) there' in result.stderr


def test_an_image_beyond_the_limit_of_memory_is_skipped_and_others_predicted(
    cls_run, workspace
):
    folder = workspace / 'large_and_small'
    folder.mkdir()
    Image.new('1', (30_000, 20_000)).save(folder / 'large.png')
    # The pipeline enlarges the short side, to 73 pixels: the long one to four millions.
    Image.new('L', (1, 60_000)).save(folder / 'thin.png')
    Image.new('RGB', (40, 32)).save(folder / 'small.png')
    options = ['--out-dir', 'infer_large', '--max-memory', '0.5']
    result = infer('cls', workspace, folder, *options)
    assert result.returncode == 3, result.stderr[-3000:]
    out = workspace / 'infer_large'
    (predicted,) = read_strictly(out / 'predictions.json')
    assert predicted['file_name'] == 'small.png'
    reasons = {
        one['file_name']: one['reason'] for one in read_strictly(out / 'skipped.json')
    }
    assert set(reasons) == {'large.png', 'thin.png'}
    assert 'an image of 30000 x 20000 pixels needs about' in reasons['large.png']
    for reason in reasons.values():
        assert 'more than the 0.5 GiB of --max-memory' in reason
