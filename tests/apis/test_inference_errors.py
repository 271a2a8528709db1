"""tools/infer.py with wrong options or weights, broken files and early termination."""

import shutil
import signal
import time

import cv2
import pytest
from PIL import Image

from ..commands import (
    CHECKPOINTS,
    config_of_run,
    infer,
    mini_images,
    read_json,
    run_tool,
    shipped_config,
)
from ..tool_processes import start_command


def test_weights_of_another_model_are_refused_and_remove_nothing(cls_run, workspace):
    out = workspace / 'infer_other'
    out.mkdir()
    (out / 'predictions.json').write_text('earlier')
    (workspace / 'lone.png').write_bytes(b'')
    arguments = ['lone.png', '--out-dir', 'infer_other', '--overwrite']
    config = shipped_config('mmpretrain/resnet/resnet34_8xb32_in1k.py')
    for checkpoint, expected in (
        ('run_cls/epoch_1.pth', 'does not fit'),
        ('no.pth', 'checkpoint not found'),
    ):
        result = run_tool('infer.py', config, checkpoint, *arguments, cwd=workspace)
        assert result.returncode == 2 and 'Traceback' not in result.stderr
        assert expected in result.stderr
        assert (out / 'predictions.json').read_text() == 'earlier'


def test_a_terminated_run_leaves_complete_files(cls_run, workspace):
    images = sorted(mini_images('cls', workspace).rglob('*.JPEG'))
    writer = cv2.VideoWriter(
        str(workspace / 'long.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 5, (96, 64)
    )
    for number in range(3000):
        writer.write(cv2.resize(cv2.imread(str(images[number % 20])), (96, 64)))
    writer.release()
    out = workspace / 'infer_long'
    model = [config_of_run('cls'), f'run_cls/{CHECKPOINTS["cls"]}']
    arguments = [*model, 'long.avi', '--out-dir', out]
    (process,) = start_command('infer', arguments, workspace)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and (
        not (out / 'predictions.json').exists()
        or (out / 'predictions.json').stat().st_size < 10_000
    ):
        time.sleep(0.1)
    process.send(signal.SIGTERM)
    process.wait(100)
    assert process.exitcode == 143
    predicted = read_json(out / 'predictions.json')
    assert 0 < len(predicted) < 3000
    overlay = cv2.VideoCapture(str(out / 'overlays' / 'long.mp4'))
    frames = 0
    while overlay.read()[0]:
        frames += 1
    assert len(predicted) - 1 <= frames <= len(predicted)


def test_corrupt_images_are_reported_and_skipped_and_all_others_predicted(
    cls_run, workspace
):
    folder = workspace / 'some_broken'
    folder.mkdir()
    whole = sorted(mini_images('cls', workspace).rglob('*.JPEG'))[:4]
    for number, path in enumerate(whole):
        shutil.copy(path, folder / f'whole_{number}.jpg')
    (folder / 'a_truncated.jpg').write_bytes(whole[0].read_bytes()[:-400])
    (folder / 'b_empty.png').touch()
    (folder / 'z_text.jpg').write_text('not an image')
    result = infer('cls', workspace, folder, '--out-dir', 'infer_broken')
    assert result.returncode == 3, result.stderr[-3000:]
    out = workspace / 'infer_broken'
    broken = {'a_truncated.jpg', 'b_empty.png', 'z_text.jpg'}
    assert {one['file_name'] for one in read_json(out / 'skipped.json')} == broken
    for name in broken:
        assert f'skipped {name}: cannot be read: ' in result.stderr
    assert 'skipped      3, listed in' in result.stdout
    names = {f'whole_{number}.jpg' for number in range(4)}
    assert {one['file_name'] for one in read_json(out / 'predictions.json')} == names
    assert {path.name for path in (out / 'overlays').iterdir()} == names


@pytest.mark.smoke
@pytest.mark.parametrize(
    'arguments, expected',
    [
        (
            ['no_such.py', 'no.pth', 'no_such_folder'],
            'no_such_folder: no such file or folder. Expected an image, a video, '
            'a folder, or a pattern',
        ),
        (
            ['no_such.py', 'no.pth', '*.jpg'],
            '*.jpg: no images or videos match this pattern',
        ),
        (['no_such.py', 'no.pth', '.'], '.: no images in this folder'),
        (
            ['no_such.py', 'no.pth', 'notes.txt'],
            'notes.txt: neither an image nor a video by its name',
        ),
        (
            ['no_such.py', 'no.pth', 'one.png', '--batch-size', '0'],
            '--batch-size 0: expected 1 or more',
        ),
        (['no_such.py', 'no.pth', 'one.png'], 'checkpoint not found: no.pth'),
    ],
)
def test_mistakes_are_reported_before_a_model_is_built(arguments, expected, tmp_path):
    folder = tmp_path / 'empty'
    folder.mkdir()
    if '.' not in arguments:
        (folder / 'notes.txt').write_text('text')
        Image.new('RGB', (32, 32)).save(folder / 'one.png')
    result = run_tool('infer.py', *arguments, cwd=folder)
    assert result.returncode == 2
    assert f'error: {expected}' in result.stderr and 'Traceback' not in result.stderr
    assert not (folder / 'work_dirs').exists()


def test_earlier_outputs_are_kept_unless_overwriting_is_allowed(cls_run, workspace):
    image = next(mini_images('cls', workspace).rglob('*.JPEG'))
    out = workspace / 'infer_again'
    out.mkdir()
    (out / 'mine.txt').write_text('kept')
    (out / 'predictions.json').write_text('earlier')
    refused = infer('cls', workspace, image, '--out-dir', 'infer_again')
    assert refused.returncode == 2 and '--out-dir infer_again holds 2' in refused.stderr
    assert (out / 'predictions.json').read_text() == 'earlier'
    result = infer(
        'cls',
        workspace,
        image,
        '--out-dir',
        'infer_again',
        '--overwrite',
        '--no-overlays',
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert len(read_json(out / 'predictions.json')) == 1
    assert sorted(path.name for path in out.iterdir()) == ['mine.txt', 'predictions.json']
