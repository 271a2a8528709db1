from .group_mix_attention import GroupMixAttention

__all__ = ['GroupMixAttention']
