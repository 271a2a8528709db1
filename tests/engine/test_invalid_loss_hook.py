"""A loss that is not a number ends the training, with the files of its batch."""

import pytest
import torch
from mmengine.hooks import Hook

from mmgroupmix.engine.hooks import InvalidLossHook
from mmgroupmix.engine.resuming import find_resumable
from mmgroupmix.errors import UserError

from .tiny_training import build_tiny_runner, load_last, tiny_config


class SpoilHook(Hook):
    """Makes the losses of some iterations NaN or infinite, for the hooks after it."""

    priority = 'HIGHEST'

    def __init__(self, iterations, value):
        self.iterations, self.value = iterations, value

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 in self.iterations:
            outputs['loss'] = torch.tensor(self.value)


def spoiled_runner(cfg, iterations, value=float('nan'), max_invalid=3):
    cfg.custom_hooks = [dict(type='mmgroupmix.InvalidLossHook', max_invalid=max_invalid)]
    runner = build_tiny_runner(cfg)
    runner.register_hook(SpoilHook(iterations, value))
    return runner


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('first', [4, 5, 6])
def test_the_first_iteration_and_its_files_are_named(tmp_path, value, first):
    cfg = tiny_config(tmp_path, length=30)
    runner = spoiled_runner(cfg, range(first, 31), value)
    batches = []

    class Recorder(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            batches.append([one.img_path for one in data_batch['data_samples']])

    runner.register_hook(Recorder())
    with pytest.raises(UserError) as raised:
        runner.train()
    message = str(raised.value)
    assert f'since iteration {first}, ' in message
    assert f'Files of its batch: {", ".join(batches[first - 1])}.' in message
    # Looked at every third iteration.
    assert len(batches) <= first + 4


def test_fewer_invalid_losses_in_a_row_do_not_stop_the_training(tmp_path):
    spoiled_runner(tiny_config(tmp_path), [2, 3, 5, 6, 8]).train()
    assert load_last(tmp_path)['meta']['iter'] == 8


def test_bad_images_are_named_when_a_checkpoint_is_due_first(tmp_path):
    cfg = tiny_config(tmp_path, length=40)
    cfg.train_dataloader.dataset = dict(type='TinyDataset', bad=range(22))
    message = r'layers.* since iteration 1, 2 times in a row. Files of its batch: images/'
    with pytest.raises(UserError, match=message):
        spoiled_runner(cfg, [], max_invalid=10).train()
    assert find_resumable(tmp_path) == []


def test_the_number_of_losses_is_checked():
    with pytest.raises(UserError, match='max_invalid=0: expected 1 or more'):
        InvalidLossHook(max_invalid=0)
