"""Blocks of which backbones and heads are built."""

from .external_attention_block import ExternalAttentionBlock
from .metaformer_block import MetaFormerBlock

__all__ = ['ExternalAttentionBlock', 'MetaFormerBlock']
