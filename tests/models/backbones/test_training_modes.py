"""Frozen stages, fixed batch norms, activation checkpointing, stochastic depth."""

import pytest
import torch
from mmengine.model import revert_sync_batchnorm

from mmgroupmix.models import EAMLP, GroupMixFormer, PoolFormer

from ..small_backbones import NANO, NANO_EAMLP


@pytest.mark.parametrize('frozen', [-1, 0, 2, 4])
def test_frozen_stages_do_not_learn_and_stay_in_eval_mode(frozen):
    backbone = GroupMixFormer(NANO, frozen_stages=frozen).train()
    parts = [backbone.stem, *backbone.stages]
    for index, part in enumerate(parts):
        is_frozen = index <= frozen
        assert all(p.requires_grad != is_frozen for p in part.parameters())
        assert all(m.training != is_frozen for m in part.modules())
    before = [b.clone() for b in backbone.stem.buffers()]
    backbone(torch.randn(2, 3, 32, 32))
    unchanged = all(torch.equal(a, b) for a, b in zip(before, backbone.stem.buffers()))
    assert unchanged == (frozen >= 0)


def test_stages_after_the_last_returned_one_expect_no_gradients():
    backbone = GroupMixFormer(NANO, out_indices=(0, 1)).train()
    sum(out.mean() for out in backbone(torch.randn(2, 3, 32, 32))).backward()
    learning = [p for p in backbone.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in learning)
    assert not any(p.requires_grad for p in backbone.stages[2].parameters())


def test_norm_eval_keeps_batch_statistics():
    backbone = GroupMixFormer(NANO, norm_eval=True).train()
    before = {k: v.clone() for k, v in backbone.named_buffers()}
    backbone(torch.randn(2, 3, 32, 32))
    assert all(torch.equal(v, before[k]) for k, v in backbone.named_buffers())
    assert backbone.stages[0].blocks[0].token_mixer.training
    other = GroupMixFormer(NANO).train()
    other(torch.randn(2, 3, 32, 32))
    counters = [v for k, v in other.named_buffers() if k.endswith('batches_tracked')]
    assert all(counter == 1 for counter in counters)


def test_activation_checkpointing_gives_the_same_gradients_and_statistics():
    torch.manual_seed(0)
    plain = GroupMixFormer(NANO, drop_path_rate=0.3).train()
    saving = GroupMixFormer(NANO, drop_path_rate=0.3, with_cp=True).train()
    saving.load_state_dict(plain.state_dict())
    image = torch.randn(4, 3, 40, 40)
    for backbone in (plain, saving):
        torch.manual_seed(1)  # the same dropped paths
        sum(out.square().mean() for out in backbone(image)).backward()
    for (name, one), other in zip(plain.named_parameters(), saving.parameters()):
        torch.testing.assert_close(one.grad, other.grad, msg=name)
    for (name, one), other in zip(plain.named_buffers(), saving.buffers()):
        torch.testing.assert_close(one, other, msg=name)


@pytest.mark.parametrize(
    'cls, arch', [(GroupMixFormer, NANO), (PoolFormer, NANO), (EAMLP, NANO_EAMLP)]
)
def test_activation_checkpointing_keeps_fewer_activations(cls, arch):
    kept = {}
    for with_cp in (False, True):
        backbone = cls(arch, with_cp=with_cp).train()
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.append(t.numel()) or t, lambda t: t
        ):
            backbone(torch.randn(1, 3, 64, 64))
        kept[with_cp] = sum(sizes)
    assert kept[True] < 0.6 * kept[False]


def test_stochastic_depth_rises_linearly_over_all_blocks():
    backbone = GroupMixFormer(NANO, drop_path_rate=0.4)
    rates = [b.drop_path.drop_prob for stage in backbone.stages for b in stage.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    'arch, rate', [('m', 0), ('t', 0.1), ('s', 0.2), ('b', 0.4), ('l', 0.5)]
)
def test_stochastic_depth_has_the_rates_of_the_published_training(arch, rate):
    with torch.device('meta'):
        last = GroupMixFormer(arch).stages[3].blocks[-1]
    assert last.drop_path.drop_prob == pytest.approx(rate)


def test_sync_batch_norms_can_be_reverted_for_one_device():
    backbone = GroupMixFormer(NANO, norm_cfg=dict(type='SyncBN'))
    reverted = revert_sync_batchnorm(backbone).train()
    outputs = reverted(torch.randn(2, 3, 32, 32))
    assert all(torch.isfinite(out).all() for out in outputs)
