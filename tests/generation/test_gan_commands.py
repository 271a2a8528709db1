"""A GAN trained, resumed, tested and drawn from with the commands."""

import cv2
import numpy as np
import pytest
import torch

from ..tool_processes import run_command
from .gan_runs import read_run, train, write_experiment


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('gan')
    write_experiment(folder)
    train(folder, 'whole')
    return folder


def assert_equal_runs(folder, one, other):
    (weights, optimizers), (others, other_optimizers) = (
        read_run(folder, name) for name in (one, other)
    )
    assert weights.keys() == others.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, others[name]), name
    assert optimizers.keys() == {'generator', 'discriminator'}
    for name, state in optimizers.items():
        for index, entry in state['state'].items():
            other_entry = other_optimizers[name]['state'][index]
            assert all(torch.equal(entry[key], other_entry[key]) for key in entry)


def test_a_resumed_training_equals_an_uninterrupted_one_bit_by_bit(folder):
    train(folder, 'parts', **{'train_cfg.max_iters': 3})
    result = train(folder, 'parts', '--resume')
    assert 'resuming from parts/iter_3.pth' in result.stdout
    assert_equal_runs(folder, 'whole', 'parts')


def test_a_step_of_the_generator_counts_and_the_discriminator_takes_more(folder):
    _, optimizers = read_run(folder, 'whole')
    steps = {
        name: {int(entry['step']) for entry in state['state'].values()}
        for name, state in optimizers.items()
    }
    assert steps == dict(generator={4}, discriminator={8})


def test_the_recipe_reaches_the_optimizers(folder):
    _, optimizers = read_run(folder, 'whole')
    for state in optimizers.values():
        (group,) = state['param_groups']
        assert (group['lr'], group['betas'], group['eps']) == (2e-4, (0.5, 0.999), 1e-6)
        assert group['weight_decay'] == 0


def test_grids_are_drawn_and_the_best_checkpoint_is_kept(folder):
    grids = sorted((folder / 'whole').glob('*/vis_data/vis_image/*.png'))
    assert [path.name for path in grids] == ['samples_2.png', 'samples_4.png']
    assert cv2.imread(str(grids[0])).shape == (2 * 34 + 2, 3 * 34 + 2, 3)
    assert list((folder / 'whole').glob('best_colors_FID_12_test_iter_*.pth'))
    assert (folder / 'whole' / 'report.html').is_file()


def test_a_test_gives_the_scores_of_the_validation(folder):
    arguments = ['config.py', 'whole/iter_4.pth', '--work-dir', 'tested']
    result = run_command('test', [*arguments, '--show-dir', 'shown'], folder)
    assert result.returncode == 0, result.stderr[-2000:]
    (score,) = [line for line in result.stdout.splitlines() if 'result ' in line]
    assert 'colors/FID_12_test' in score and 'colors/IS_12' in score
    log = next((folder / 'whole').glob('*/*.log')).read_text()
    validated = log.rpartition('colors/FID_12_test: ')[2].split()[0]
    tested = score.partition('colors/FID_12_test ')[2].split(',')[0]
    assert float(tested) == pytest.approx(float(validated), rel=1e-3)
    assert (folder / 'shown' / 'samples.png').is_file()
    train_split = ['--cfg-options', 'test_dataloader.dataset.split=train']
    result = run_command('test', [*arguments, *train_split], folder)
    assert 'colors/FID_20_train' in result.stdout


def test_two_processes_train_one_model_and_resume(folder):
    options = {'train_dataloader.batch_size': 4}
    launcher = ['--launcher', 'pytorch']
    train(folder, 'two', *launcher, ranks=2, **options)
    train(
        folder, 'two_parts', *launcher, ranks=2, **options, **{'train_cfg.max_iters': 3}
    )
    train(folder, 'two_parts', *launcher, '--resume', ranks=2, **options)
    assert_equal_runs(folder, 'two', 'two_parts')
    # Names are those of one process.
    weights, _ = read_run(folder, 'two')
    assert weights.keys() == read_run(folder, 'whole')[0].keys()


def test_mixed_precision_and_accumulation_keep_the_number_of_steps(folder):
    settings = {
        'optim_wrapper.generator.accumulative_counts': 2,
        'optim_wrapper.discriminator.accumulative_counts': 2,
    }
    train(folder, 'accumulated', '--amp', 'bfloat16', **settings)
    _, optimizers = read_run(folder, 'accumulated')
    steps = [int(entry['step']) for entry in optimizers['generator']['state'].values()]
    assert set(steps) == {4}
    result = run_command('train', ['config.py', '--amp', '--work-dir', 'half'], folder)
    assert 'mixed precision in float16' in result.stderr


def write_folders(root, number, size=32, classes='ab'):
    rng = np.random.default_rng(0)
    for index in range(number):
        path = root / classes[index % len(classes)] / f'{index}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (size, size, 3), dtype=np.uint8))


def train_on_folders(folder, name, num_classes):
    """Train on folders of a class each; return the result of the command."""
    dataset = dict(
        _delete_=True,
        type='CustomDataset',
        data_root=name,
        pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')],
    )
    classes = dict(num_classes=num_classes)
    loaders = dict(train_dataloader=dict(dataset=dataset))
    loaders['val_dataloader'] = loaders['test_dataloader'] = loaders['train_dataloader']
    lines = [f'{key} = {value!r}' for key, value in loaders.items()]
    lines.append(f'model = dict(generator={classes!r}, discriminator={classes!r})')
    text = "_base_ = 'config.py'\n" + '\n'.join(lines)
    (folder / f'{name}.py').write_text(text)
    return run_command('train', [f'{name}.py', '--work-dir', f'work_{name}'], folder)


def test_folders_of_classes_are_trained_on(folder):
    write_folders(folder / 'flat', 12)
    result = train_on_folders(folder, 'flat', num_classes=2)
    assert result.returncode == 0, result.stderr[-3000:]
    assert 'colors/FID_12_real' in result.stdout


@pytest.mark.parametrize(
    ('name', 'size', 'num_classes', 'words'),
    [
        ('large', 40, 2, ['large/', '.png is 40x40 pixels', 'expected 32x32']),
        ('many', 32, 1, ['label 1', 'num_classes']),
    ],
)
def test_images_and_labels_that_do_not_fit_are_named(
    folder, name, size, num_classes, words
):
    write_folders(folder / name, 12, size)
    result = train_on_folders(folder, name, num_classes)
    assert result.returncode == 2
    assert all(word in result.stderr for word in words), result.stderr[-3000:]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--plan'], '--plan does not support image generation'),
        (['--data', '.'], '--data does not support image generation'),
        (['--accumulate', '2'], '--accumulate works with one optimizer'),
        (['--checkpoint-activations'], 'has no backbone'),
        (['--compile'], 'has neither'),
    ],
)
def test_options_that_a_gan_does_not_have_are_refused(folder, options, words):
    result = run_command(
        'train', ['config.py', '--work-dir', 'refused', *options], folder
    )
    assert result.returncode == 2
    assert words in result.stderr


def test_missing_data_are_named_with_their_layout(folder):
    options = ['--cfg-options', 'train_dataloader.dataset.data_root=absent']
    result = run_command('train', ['config.py', '--work-dir', 'absent', *options], folder)
    assert result.returncode == 2
    assert 'cifar-10-batches-bin' in result.stderr and 'absent' in result.stderr
