"""A resumed run keeps the size to which mmdet brings the batches of some iterations."""

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import MODELS

from mmgroupmix.engine.resuming import find_resumable

from .tiny_training import TinyModel, build_tiny_runner, tiny_config

preprocessors = pytest.importorskip('mmdet.models.data_preprocessors')


@MODELS.register_module()
class ResizedModel(TinyModel):
    """Its batches get another size every fifth iteration."""

    def __init__(self):
        super().__init__()
        self.resize = preprocessors.BatchSyncRandomResize((64, 512), interval=5)
        self.sizes = []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            images, _ = self.resize(torch.zeros(1, 3, 128, 128), [])
            self.sizes.append(tuple(images.shape[-2:]))
        return super().forward(inputs, data_samples, mode)


class StopHook(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 7:
            raise KeyboardInterrupt


def test_a_resumed_run_keeps_the_size_of_its_batches(tmp_path):
    cfg = tiny_config(tmp_path / 'whole', length=12, interval=7)
    cfg.model = dict(type='ResizedModel')
    whole = build_tiny_runner(cfg.copy())
    whole.train()
    sizes = whole.model.sizes
    assert len(sizes) == 12 and len(set(sizes)) > 1

    cfg.work_dir = str(tmp_path / 'killed')
    killed = build_tiny_runner(cfg.copy())
    killed.register_hook(StopHook(), priority='LOWEST')
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    (checkpoint,) = find_resumable(cfg.work_dir)
    resumed = build_tiny_runner(cfg.copy(), str(checkpoint))
    resumed.train()
    assert resumed.model.sizes == sizes[7:]
