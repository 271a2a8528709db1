"""The commands read checkpoints as data: nothing runs, one message, exit status 2."""

import os

import pytest
import torch

from ..checkpoints.hostile_files import calls, save_legacy, save_zip
from ..commands import CHECKPOINTS, config_of_run, mini_images, run_tool

pytestmark = pytest.mark.usefixtures('cls_run')


def command(tool, checkpoint, workspace, *options):
    """The arguments of a command that reads a checkpoint."""
    image = min(mini_images('cls', workspace).rglob('*.JPEG'))
    config = config_of_run('cls')
    return dict(
        train=[
            config,
            '--work-dir',
            'hostile',
            '--cfg-options',
            f'load_from={checkpoint}',
        ],
        resume=[config, '--work-dir', 'hostile', '--resume', checkpoint],
        test=[config, checkpoint, '--work-dir', 'hostile'],
        infer=[config, checkpoint, image, '--out-dir', 'hostile_out'],
        draw_attention=[config, checkpoint, image, '--out', 'hostile.png'],
        draw_responses=[config, checkpoint, image, '--out', 'hostile.png'],
    )[tool] + list(options)


def run(tool, checkpoint, workspace, *options):
    arguments = command(tool, checkpoint, workspace, *options)
    return run_tool(f'{tool.replace("resume", "train")}.py', *arguments, cwd=workspace)


def assert_refused(result, *words):
    """Exit status 2, and one line on stderr, that says what is wrong."""
    errors = [line for line in result.stderr.splitlines() if line.startswith('error:')]
    assert result.returncode == 2, result.stderr[-2000:]
    assert len(errors) == 1, result.stderr
    assert 'Traceback' not in result.stderr
    assert all(word in errors[0] for word in words), errors[0]


TOOLS = ['train', 'resume', 'test', 'infer', 'draw_attention', 'draw_responses']


@pytest.fixture(scope='module')
def content(cls_run, workspace):
    """The content of the checkpoint of a short run."""
    file = workspace / f'run_cls/{CHECKPOINTS["cls"]}'
    return lambda: torch.load(file, weights_only=False)


@pytest.mark.parametrize('tool', TOOLS)
def test_a_payload_is_named_and_not_run(tool, content, workspace, tmp_path):
    marker = tmp_path / 'ran'
    hostile = content()
    hostile['message_hub']['runtime_info']['x'] = calls(marker)['posix.system']
    save = save_legacy if tool in ('resume', 'infer') else save_zip
    save(hostile, tmp_path / 'hostile.pth')
    result = run(tool, tmp_path / 'hostile.pth', workspace)
    assert_refused(result, 'hostile.pth', 'posix.system', '--trust-checkpoint')
    assert not marker.exists()


@pytest.mark.parametrize('tool', TOOLS)
def test_a_loop_of_links_is_named(tool, workspace, tmp_path):
    loop = tmp_path / 'loop.pth'
    loop.symlink_to(loop)
    assert_refused(run(tool, loop, workspace), 'loop.pth', 'loop of links')


@pytest.mark.parametrize('kind', ['folder', 'pipe'])
@pytest.mark.parametrize('tool', ['train', 'test'])
def test_a_demo_names_what_is_not_a_file(tool, kind, workspace, tmp_path):
    path = tmp_path / 'file.pth'
    path.mkdir() if kind == 'folder' else os.mkfifo(path)
    # --demo before the last option, which takes all that follows
    arguments = command(tool, path, workspace)
    arguments.insert(1, '--demo')
    assert_refused(run_tool(f'{tool}.py', *arguments, cwd=workspace), f'is a {kind}')


def test_the_backbone_of_a_toolbox_runs_no_payload(content, workspace, tmp_path):
    marker, file = tmp_path / 'ran', tmp_path / 'hostile.pth'
    save_zip(dict(state_dict={}, meta=calls(marker)['builtins.exec']), file)
    result = run_tool(
        'train.py',
        config_of_run('cls'),
        '--work-dir',
        'hostile_backbone',
        '--cfg-options',
        'model.backbone.init_cfg.type=Pretrained',
        f'model.backbone.init_cfg.checkpoint={file}',
        cwd=workspace,
    )
    assert_refused(result, 'builtins.exec')
    assert not marker.exists()


def test_the_option_opens_an_old_pickle_and_names_it(content, workspace, tmp_path):
    marker, file = tmp_path / 'ran', tmp_path / 'old.pth'
    old = content()
    old['meta']['old'] = calls(marker)['builtins.exec']
    save_zip(old, file)
    result = run('infer', file, workspace, '--trust-checkpoint', '--overwrite')
    assert result.returncode == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if str(file) in line]
    assert len(warnings) == 1 and warnings[0].startswith('warning:')
    assert marker.exists()


def test_earlier_checkpoints_survive_a_refusal(content, workspace, tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'epoch_9.pth').write_bytes(b'kept')
    (tmp_path / 'broken.pth').write_bytes(b'PK\x03\x04')
    result = run_tool(
        'train.py',
        config_of_run('cls'),
        '--work-dir',
        folder,
        '--overwrite',
        '--resume',
        tmp_path / 'broken.pth',
        cwd=workspace,
    )
    assert_refused(result, 'broken.pth')
    assert (folder / 'epoch_9.pth').read_bytes() == b'kept'
