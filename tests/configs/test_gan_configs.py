"""The configs of SAGAN and EAGAN have the sizes and settings of the paper's library."""

import pytest

from .experiments import num_parameters, read

# Generator and discriminator with self-attention.
PARAMETERS = dict(
    sagan_cifar10=4_386_308 + 1_075_586, sagan_tiny_imagenet=13_387_396 + 19_752_642
)
COVERED = ['sagan_cifar10', 'eagan_cifar10', 'sagan_tiny_imagenet', 'eagan_tiny_imagenet']
DATASETS = dict(cifar10='CIFAR10Images', tiny_imagenet='TinyImageNet')
# Learning rates of generator and discriminator, betas, images of a step, steps.
SETTINGS = dict(
    cifar10=(2e-4, 2e-4, (0.5, 0.999), 64, 5),
    tiny_imagenet=(1e-4, 4e-4, (0.0, 0.999), 256, 1),
)


@pytest.mark.parametrize('name', PARAMETERS)
def test_the_networks_have_the_parameters_of_the_reference(name):
    assert num_parameters(read(name)) == PARAMETERS[name]


@pytest.mark.parametrize('name', COVERED)
def test_the_optimizers_and_batches_are_those_of_the_reference(name):
    cfg = read(name)
    rate_g, rate_d, betas, batch, steps = SETTINGS[name.partition('_')[2]]
    for part, rate in dict(generator=rate_g, discriminator=rate_d).items():
        optimizer = cfg.optim_wrapper[part].optimizer
        assert (optimizer.type, optimizer.lr, optimizer.betas) == ('Adam', rate, betas)
        assert (optimizer.eps, optimizer.weight_decay) == (1e-6, 0)
    assert cfg.model.discriminator_steps == steps
    assert cfg.train_dataloader.batch_size == batch * steps
    assert cfg.train_cfg.max_iters == 100_000
    assert not cfg.get('param_scheduler')
    assert not [hook for hook in cfg.custom_hooks if 'EMA' in hook.type]


@pytest.mark.parametrize('name', COVERED)
def test_images_are_flipped_in_training_only_and_become_rgb_from_minus_1_to_1(name):
    cfg = read(name)
    kind = f'mmgroupmix.{DATASETS[name.partition("_")[2]]}'
    for loader, split in (('train', 'train'), ('val', '')):
        dataset = cfg[f'{loader}_dataloader'].dataset
        assert dataset.type == kind
        flips = [one.prob for one in dataset.pipeline if one.type == 'RandomFlip']
        assert flips == ([0.5] if split else [])
    preprocessor = cfg.model.data_preprocessor
    assert preprocessor.mean == preprocessor.std == [127.5] * 3
    assert preprocessor.to_rgb


@pytest.mark.parametrize('name', COVERED)
def test_evaluation_compares_every_2000_steps_with_the_images_of_the_paper(name):
    cfg = read(name)
    split = dict(cifar10='test', tiny_imagenet='val')[name.partition('_')[2]]
    assert cfg.val_dataloader.dataset.split == cfg.test_dataloader.dataset.split == split
    assert cfg.train_cfg.val_interval == 2000
    assert cfg.val_evaluator.features.type == 'mmgroupmix.InceptionFeatures'
    assert cfg.default_hooks.checkpoint.rule == 'less'


@pytest.mark.parametrize('data', DATASETS)
def test_eagan_differs_from_sagan_in_its_attention_alone(data):
    sagan, eagan = (read(f'{name}_{data}').to_dict() for name in ('sagan', 'eagan'))
    for part in ('generator', 'discriminator'):
        own = sagan['model'][part].pop('attention')
        assert own == dict(type='SelfAttention2d')
        external = eagan['model'][part].pop('attention')
        assert external['type'] == 'ExternalAttention2d'
        assert (external['num_memories'], external['norm']) == (64, 'double')
    eagan.pop('attention', None)  # the variable of the base config
    assert sagan == eagan
