"""Small models of every kind that a GPU runs, with the shape of their input."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from mmgroupmix.models import EAMLP, GroupMixFormer, PoolFormer, WithExternalAttention
from mmgroupmix.models.blocks.external_attention_block import ExternalAttentionBlock
from mmgroupmix.models.blocks.self_attention_block import SelfAttentionBlock
from mmgroupmix.models.decode_heads import EAHead

from .small_backbones import NANO_EAMLP

ARCH = dict(embed_dims=(40, 40, 80, 80), depths=(1, 1, 1, 1), mlp_ratios=(2, 2, 2, 2))
IMAGES = (2, 3, 64, 64)
MAPS = (2, 8, 16, 16)


class HeadOnMap(nn.Module):
    """A head that takes one map."""

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, classes, H, W)."""
        return self.head((x,))


def build_groupmixformer(**arguments: object) -> nn.Module:
    """Build a GroupMixFormer with stochastic depth."""
    return GroupMixFormer(ARCH, drop_path_rate=0.2, **arguments)


def build_eamlp(**arguments: object) -> nn.Module:
    """Build an EAMLP for images of half the side: positions are made for more."""
    return EAMLP(NANO_EAMLP, img_size=32, drop_path_rate=0.2, **arguments)


def build_with_external_attention() -> nn.Module:
    """Build a PoolFormer whose last map passes through external attention."""
    block = dict(channels=80, stage=3)
    return WithExternalAttention(base=PoolFormer, arch=ARCH, external_attention=block)


def build_head() -> nn.Module:
    """Build EANet's head."""
    return HeadOnMap(EAHead(8, 16, num_classes=3, in_index=0))


#: Builders and shapes of inputs, by name.
MODELS: Mapping[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    'groupmixformer': (build_groupmixformer, IMAGES),
    'groupmixformer_checkpointed': (lambda: build_groupmixformer(with_cp=True), IMAGES),
    'groupmixformer_pooling': (
        lambda: build_groupmixformer(
            aggregators=dict(
                kinds=['avg_pool', 'max_pool', 'min_pool', 'conv', 'identity']
            )
        ),
        IMAGES,
    ),
    'poolformer': (lambda: PoolFormer(ARCH, drop_path_rate=0.2), IMAGES),
    'eamlp': (build_eamlp, IMAGES),
    'eamlp_performer': (lambda: build_eamlp(t2t='performer', with_cp=True), IMAGES),
    'with_external_attention': (build_with_external_attention, IMAGES),
    'ea_block': (lambda: ExternalAttentionBlock(8), MAPS),
    'self_attention_block': (lambda: SelfAttentionBlock(8, norm='double'), MAPS),
    'ea_head': (build_head, MAPS),
}
#: One of each kind.
BASIC = ('groupmixformer', 'poolformer', 'eamlp', 'ea_block', 'ea_head')
