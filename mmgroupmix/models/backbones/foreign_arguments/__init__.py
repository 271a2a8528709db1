"""Arguments that other implementations of the backbones have, translated to ours.

A config that was written for mmpretrain's PoolFormer, for sail-sg's, or for the published
GroupMixFormer or EAMLP builds what it meant after a change of ``type`` alone. There is
one table per backbone. What this package cannot compute is refused.
"""

from .eamlp import EAMLP_RULES, translate_eamlp
from .groupmixformer import GROUPMIXFORMER_RULES, translate_groupmixformer
from .poolformer import POOLFORMER_RULES, translate_poolformer, translate_sail_sg
from .translation import translate_arguments

__all__ = [
    'EAMLP_RULES',
    'GROUPMIXFORMER_RULES',
    'POOLFORMER_RULES',
    'translate_arguments',
    'translate_eamlp',
    'translate_groupmixformer',
    'translate_poolformer',
    'translate_sail_sg',
]
