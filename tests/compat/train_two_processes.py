"""A tiny distributed run on a CPU, which ``test_cpu_distributed`` starts with torchrun.

Each process trains on its half of four samples and saves its final state.
"""

import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner

from mmgroupmix.compat import prepare_distributed
from mmgroupmix.compat.sync_batch_norm import replace_sync_batch_norms
from mmgroupmix.engine.model_wrappers import FullyShardedModel


@DATASETS.register_module()
class FourSamples(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return dict(x=torch.tensor([float(i), 1.0, -i * i]), index=i)


@MODELS.register_module()
class TinyModel(BaseModel):
    """One linear layer and the norm that configs use for several GPUs."""

    def __init__(self, norm=True):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2, bias=False)
        torch.nn.init.ones_(self.linear.weight)
        self.norm = torch.nn.SyncBatchNorm(2) if norm else torch.nn.Identity()

    def forward(self, x, index, mode='tensor'):
        y = self.norm(self.linear(x))
        return dict(loss=y.square().mean()) if mode == 'loss' else list(index)


@METRICS.register_module()
class SeenSamples(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.extend(int(index) for index in data_samples)

    def compute_metrics(self, results):
        return dict(seen=len(results), total=sum(results))


def create_loader():
    return dict(
        dataset=dict(type='FourSamples'),
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
    )


class Repeated(torch.nn.Module):
    """A layer that is applied some number of times, as by a sliding window."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 3, bias=False)
        torch.nn.init.constant_(self.layer.weight, 0.5)

    def forward(self, x, times):
        for _ in range(times):
            x = self.layer(x)
        return x


def evaluate_sharded():
    """A sharded layer, applied once here and twice there, then trained on together."""
    model = FullyShardedModel(Repeated(), units=['Linear']).eval()
    with torch.no_grad():
        outputs = model(torch.ones(1, 3), times=get_rank() + 1)
    model.train()
    model(torch.ones(1, 3), times=1).sum().backward()
    gradient = model.module.layer.weight.grad.full_tensor()
    return dict(outputs=outputs, gradient=gradient)


def normalize_unequal_parts():
    """SyncBN of three of the samples here and one there; what each process computed."""
    samples = torch.stack([FourSamples()[i]['x'] for i in range(4)])
    x = (samples[:3], samples[3:])[get_rank()].clone().requires_grad_()
    norm = replace_sync_batch_norms(torch.nn.SyncBatchNorm(3))
    y = norm(x)
    # Outputs that count differently, or their gradients would cancel out.
    (y * x.detach().cos()).sum().backward()
    return dict(y=y.detach(), gradient=x.grad, norm=norm.state_dict())


def main(work_dir, norm, lr):
    cfg = Config(
        dict(
            work_dir=str(work_dir),
            launcher='pytorch',
            log_level='ERROR',
            env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=300)),
            train_dataloader=create_loader(),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            val_dataloader=create_loader(),
            val_cfg={},
            val_evaluator=dict(type='SeenSamples'),
            model=dict(type='TinyModel', norm=norm),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=lr)),
        )
    )
    assert prepare_distributed(cfg, cfg.launcher)
    runner = Runner.from_cfg(cfg)
    runner.train()
    torch.save(
        dict(
            weight=runner.model.module.linear.weight.detach(),
            wrapper=type(runner.model).__name__,
            norm=runner.model.module.norm.state_dict(),
            sharded=evaluate_sharded() if not norm else {},
            unequal=normalize_unequal_parts() if norm else {},
            world_size=runner.world_size,
            seen=runner.message_hub.get_scalar('val/seen').current(),
            total=runner.message_hub.get_scalar('val/total').current(),
        ),
        work_dir / f'rank_{get_rank()}.pth',
    )


if __name__ == '__main__':
    main(Path(sys.argv[1]), norm=sys.argv[2] == 'norm', lr=float(sys.argv[3]))
