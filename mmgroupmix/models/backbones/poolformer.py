"""PoolFormer: MetaFormer with the simplest token mixer, average pooling.

Paper: "MetaFormer Is Actually What You Need for Vision" (arXiv 2111.11418), Section 3.2
and Table 1.
"""

from typing import ClassVar

from ...registry import MODELS
from .foreign_arguments import (
    POOLFORMER_RULES,
    translate_arguments,
    translate_poolformer,
)
from .metaformer import MetaFormer

_SMALL = dict(embed_dims=(64, 128, 320, 512), mlp_ratios=(4, 4, 4, 4))
_MEDIUM = dict(embed_dims=(96, 192, 384, 768), mlp_ratios=(4, 4, 4, 4))


@MODELS.register_module()
@translate_arguments(POOLFORMER_RULES, translate_poolformer)
class PoolFormer(MetaFormer):
    """PoolFormer backbone (Section 3.2, Table 1).

    A call by name, as from a config, also takes the arguments of mmpretrain's and of
    sail-sg's class: see ``foreign_arguments``.

    Args:
        arch (str | dict): ``s12``, ``s24``, ``s36``, ``m36`` or ``m48``, or a dict, as in
            :class:`MetaFormer`. The other arguments are those of :class:`MetaFormer`;
            ``token_mixers`` defaults to 3x3 pooling.

    Raises:
        UserError: If an argument is not as described.
    """

    arch_settings: ClassVar = dict(
        s12=dict(**_SMALL, depths=(2, 2, 6, 2), layer_scale=1e-5, drop_path_rate=0.1),
        s24=dict(**_SMALL, depths=(4, 4, 12, 4), layer_scale=1e-5, drop_path_rate=0.1),
        s36=dict(**_SMALL, depths=(6, 6, 18, 6), layer_scale=1e-6, drop_path_rate=0.2),
        m36=dict(**_MEDIUM, depths=(6, 6, 18, 6), layer_scale=1e-6, drop_path_rate=0.3),
        m48=dict(**_MEDIUM, depths=(8, 8, 24, 8), layer_scale=1e-6, drop_path_rate=0.4),
    )
    default_token_mixers: ClassVar = dict(type='Pooling', pool_size=3)
