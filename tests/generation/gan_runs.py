"""Trainings of a small EAGAN with the commands, on a few images in CIFAR-10's layout."""

import torch

from ..commands import REPOSITORY
from ..tool_processes import run_command
from .image_files import write_cifar10

CONFIG = f"""
_base_ = '{REPOSITORY}/configs/eagan_cifar10.py'
custom_imports = dict(
    imports=['mmgroupmix', 'color_features'], allow_failed_imports=False)
model = dict(
    discriminator_steps=2,
    generator=dict(base_channels=2),
    discriminator=dict(base_channels=2))
train_dataloader = dict(
    batch_size=8, num_workers=0, persistent_workers=False, dataset=dict(data_root='.'))
val_dataloader = dict(
    batch_size=5, num_workers=0, persistent_workers=False, dataset=dict(data_root='.'))
test_dataloader = val_dataloader
val_evaluator = dict(features=dict(_delete_=True, type='ColorFeatures'))
test_evaluator = val_evaluator
train_cfg = dict(max_iters=4, val_interval=2)
default_hooks = dict(
    logger=dict(interval=1),
    checkpoint=dict(interval=1, max_keep_ckpts=-1),
    visualization=dict(interval=2, num_columns=3, max_rows=2))
randomness = dict(seed=0)
"""
#: A feature network of a user's own.
FEATURES = """
from mmengine.registry import MODELS
from torch import nn


@MODELS.register_module()
class ColorFeatures(nn.Module):
    num_features = 3
    title = 'colors'

    def forward(self, images):
        means = images.mean(dim=(2, 3))
        return means, 5 * means
"""


def write_experiment(folder):
    """Write the config, the feature network and the images."""
    folder.mkdir(exist_ok=True)
    write_cifar10(folder)
    (folder / 'config.py').write_text(CONFIG)
    (folder / 'color_features.py').write_text(FEATURES)


def train(folder, work_dir, *options, ranks=1, **settings):
    """Train; return the result of the command."""
    arguments = ['config.py', '--work-dir', work_dir, *options]
    if settings:
        arguments += ['--cfg-options', *(f'{k}={v}' for k, v in settings.items())]
    result = run_command('train', arguments, folder, ranks=ranks)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return result


def read_run(folder, work_dir, iteration=4):
    """The weights and the states of the optimizers of a checkpoint."""
    content = torch.load(folder / work_dir / f'iter_{iteration}.pth', weights_only=False)
    return content['state_dict'], content['optimizer']
