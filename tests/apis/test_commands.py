"""tools/train.py and tools/test.py: short runs from the command line to the files."""

import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from ..commands import CONFIGS, SHORT, mini_images, run_script, run_tool, shipped_config


def find_first(folder, pattern):
    """The first file that matches: a folder of logs is named after its time."""
    found = sorted(folder.glob(pattern))
    assert found, f'no {pattern} in {folder}'
    return found[0]


@pytest.mark.parametrize(
    'task, metric, checkpoint',
    [
        ('seg', 'mIoU', 'iter_2.pth'),
        ('det', 'box AP', 'epoch_1.pth'),
        ('cls', 'top-1 accuracy', 'epoch_1.pth'),
    ],
)
def test_a_demo_trains_evaluates_and_draws(task, metric, checkpoint, workspace, request):
    result = request.getfixturevalue(f'{task}_run')
    folder = workspace / f'run_{task}'
    assert f'result       {metric}' in result.stdout
    assert (folder / checkpoint).exists()
    with Image.open(find_first(folder, '*/curves.png')) as picture:
        assert picture.size == (960, 720)
    assert find_first(folder, '*/vis_data/vis_image/*.png').stat().st_size > 0
    assert f'report       run_{task}/report.html' in result.stdout
    report = (folder / 'report.html').read_text()
    assert all(f'<h2 id="{part}">' in report for part in ('curves', 'classes', 'best'))


def test_the_demo_reports_its_changes_in_one_paragraph(seg_run):
    paragraph = next(
        ' '.join(part.split())
        for part in seg_run.stdout.split('\n\n')
        if part.lstrip().startswith('Demo of')
    )
    for part in (
        'ADE20KDataset -> ',
        '(512, 512) -> RandomCrop (64, 64)',
        '160000 iterations -> 2',
        '6e-05 -> 0.001',
        'mit_b0',
    ):
        assert part in paragraph


def test_training_refuses_the_work_directory_of_another_run(seg_run, workspace):
    before = (workspace / 'run_seg' / 'iter_2.pth').read_bytes()
    result = run_tool(
        'train.py',
        shipped_config(CONFIGS['seg']),
        '--demo',
        '--work-dir',
        'run_seg',
        cwd=workspace,
    )
    assert result.returncode == 2
    assert 'Traceback' not in result.stderr
    for part in ('run_seg', 'iter_2.pth', '--resume', '--work-dir', '--overwrite'):
        assert part in result.stderr
    assert (workspace / 'run_seg' / 'iter_2.pth').read_bytes() == before


@pytest.mark.parametrize('checkpoint', [None, 'iter_1.pth'])
def test_a_resumed_run_continues_at_the_next_iteration(
    checkpoint, seg_run, workspace, tmp_path
):
    folder = tmp_path / 'resumed'
    shutil.copytree(workspace / 'run_seg', folder)
    if checkpoint:
        resume = ['--resume', folder / checkpoint]
        # The latest one, which is not the one to resume from.
        (folder / 'last_checkpoint').write_text(str(folder / 'iter_2.pth'))
    else:
        resume = ['--resume']
        newest = folder / 'iter_2.pth'
        newest.write_bytes(newest.read_bytes()[:-1])  # not complete
    result = run_tool(
        'train.py',
        shipped_config(CONFIGS['seg']),
        '--demo',
        '--work-dir',
        folder,
        *resume,
        '--cfg-options',
        'train_cfg.max_iters=3',
        *SHORT['seg'][1:],
        cwd=workspace,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'resumed epoch: 0, iter: 1' in result.stdout + result.stderr
    logged = [line for line in result.stdout.splitlines() if 'Iter(train)' in line]
    assert '[2/3]' in logged[0] and '[3/3]' in logged[-1]


def test_segmentation_writes_label_maps_and_drawings(seg_run, workspace):
    result = run_tool(
        'test.py',
        shipped_config(CONFIGS['seg']),
        'run_seg/iter_2.pth',
        '--demo',
        '--tta',
        '--out',
        'maps',
        '--show-dir',
        'drawn',
        '--work-dir',
        'run_seg',
        '--cfg-options',
        'test_dataloader.num_batch_per_epoch=2',
        cwd=workspace,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    maps = sorted((workspace / 'maps').glob('*.png'))
    assert len(maps) == 2
    # Stored as ADE20K stores them: from 1.
    assert np.asarray(Image.open(maps[0])).min() >= 1
    assert len(list((workspace / 'drawn').rglob('*.png'))) == 2

    again = run_tool(
        'test.py',
        shipped_config(CONFIGS['seg']),
        'run_seg/iter_2.pth',
        '--demo',
        '--out',
        'maps',
        cwd=workspace,
    )
    assert again.returncode == 2 and '--out maps' in again.stderr


@pytest.mark.parametrize('task', ['det', 'cls'])
def test_detection_and_classification_dump_predictions(task, workspace, request):
    request.getfixturevalue(f'{task}_run')
    drawing = f'--no-report --show-dir drawn_{task}'
    for number, options in enumerate((drawing.split(), ['--tta'])):
        result = run_tool(
            'test.py',
            shipped_config(CONFIGS[task]),
            f'run_{task}/epoch_1.pth',
            '--demo',
            '--out',
            f'{task}{number}.pkl',
            *options,
            '--work-dir',
            f'test_{task}',
            '--cfg-options',
            'test_dataloader.num_batch_per_epoch=2',
            'test_dataloader.batch_size=1',
            cwd=workspace,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        with open(workspace / f'{task}{number}.pkl', 'rb') as file:
            predictions = pickle.load(file)
        assert len(predictions) == 2
        assert ('pred_instances' if task == 'det' else 'pred_score') in predictions[0]
        report = workspace / f'test_{task}' / 'report.html'
        assert report.exists() == (number == 1)
    assert 'could not be recorded' not in report.read_text()
    assert len(list((workspace / f'drawn_{task}').iterdir())) == 2


def test_a_test_does_not_change_the_config_of_the_training(seg_run, workspace):
    name = CONFIGS['seg'].rpartition('/')[2]
    dumped = workspace / 'run_seg' / name
    before = dumped.read_bytes()
    result = run_tool(
        'test.py',
        shipped_config(CONFIGS['seg']),
        'run_seg/iter_2.pth',
        '--demo',
        '--work-dir',
        'run_seg',
        '--cfg-options',
        'test_dataloader.num_batch_per_epoch=1',
        cwd=workspace,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert dumped.read_bytes() == before


def test_missing_data_is_explained(tmp_path):
    result = run_tool('train.py', shipped_config(CONFIGS['seg']), cwd=tmp_path)
    assert result.returncode == 2
    assert 'Traceback' not in result.stderr
    for part in (
        'data/ade/ADEChallengeData2016/images/training',
        '{images,annotations}/{training,validation}',
        'ADEChallengeData2016.zip',
        '--demo',
    ):
        assert part in result.stderr
    assert not (tmp_path / 'work_dirs').exists()


@pytest.mark.smoke
@pytest.mark.parametrize(
    'tool, arguments, expected',
    [
        ('train.py', ['no_such.py'], 'config file not found: no_such.py'),
        ('test.py', ['no_such.py', 'no.pth'], 'checkpoint not found: no.pth'),
    ],
)
def test_a_missing_file_is_named_without_a_traceback(tool, arguments, expected, tmp_path):
    result = run_tool(tool, *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert expected in result.stderr and 'Traceback' not in result.stderr


@pytest.mark.parametrize(
    'script, arguments, expected',
    [
        ('train.py', ['no_such.py'], 'config file not found: no_such.py'),
        ('test.py', ['no_such.py', 'no.pth'], 'checkpoint not found: no.pth'),
        ('infer.py', ['no_such.py', 'no.pth', 'no.png'], 'no.png: no such file'),
        ('draw_attention.py', ['no.py', 'no.pth', 'no.png'], 'image not found: no.png'),
        ('draw_responses.py', ['no.py', 'no.pth', 'no.png'], 'image not found: no.png'),
        ('recipe.py', ['no.py'], 'config file not found: no.py'),
        ('model_stats.py', ['no.py'], 'config file not found: no.py'),
        ('benchmark.py', ['no.py'], 'config file not found: no.py'),
    ],
)
def test_the_scripts_start_from_any_folder_without_the_installed_package(
    script, arguments, expected, tmp_path
):
    result = run_script(script, *arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert expected in result.stderr and 'Traceback' not in result.stderr


@pytest.mark.smoke
@pytest.mark.parametrize(
    'module, missing',
    [('no_such_mixer', 'no_such_mixer'), ('my_mixer', 'no_such_package')],
)
def test_a_module_that_cannot_be_imported_is_named_with_its_cause(
    module, missing, tmp_path
):
    (tmp_path / 'my_mixer.py').write_text('import no_such_package\n')
    (tmp_path / 'config.py').write_text(
        f'custom_imports = dict(imports=[{module!r}], allow_failed_imports=False)\n'
    )
    result = run_tool('train.py', tmp_path / 'config.py', cwd=tmp_path.parent)
    assert result.returncode == 2 and 'Traceback' not in result.stderr
    assert f"custom_imports cannot be imported: No module named '{missing}'" in ' '.join(
        result.stderr.split()
    )


@pytest.mark.parametrize('part, workers', [('images', 0), ('annotations', 2)])
def test_a_file_that_cannot_be_decoded_is_named(part, workers, seg_run, workspace):
    """Without and within data loader workers."""
    source = mini_images('seg', workspace).parents[1]
    broken = workspace / f'broken_{part}'
    shutil.copytree(source, broken)
    names = sorted((broken / part / 'training').iterdir())
    for path in names:
        path.write_bytes(path.read_bytes()[:60])
    result = run_tool(
        'train.py',
        shipped_config(CONFIGS['seg']),
        '--demo',
        '--work-dir',
        f'run_broken_{part}',
        '--cfg-options',
        'train_cfg.max_iters=2',
        f'train_dataloader.dataset.data_root={broken}',
        f'train_dataloader.num_workers={workers}',
        cwd=workspace,
    )
    assert result.returncode == 2, result.stderr[-3000:]
    error = result.stderr[result.stderr.index('error: ') :]
    assert f'{broken}/{part}/training/ADE_train_' in error
    assert 'Traceback' not in error


@pytest.mark.smoke
def test_a_config_is_not_overwritten_by_the_complete_one(tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text("model = dict(type='ImageClassifier')\n")
    result = run_tool('train.py', config, '--work-dir', tmp_path, cwd=tmp_path)
    assert result.returncode == 2
    assert 'would overwrite' in result.stderr
    assert config.read_text() == "model = dict(type='ImageClassifier')\n"
