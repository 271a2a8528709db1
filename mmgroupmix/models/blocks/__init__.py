"""Blocks that backbones and heads are built of."""

from .external_attention_block import ExternalAttentionBlock
from .metaformer_block import MetaFormerBlock

__all__ = ['ExternalAttentionBlock', 'MetaFormerBlock']
