"""EAGAN: SAGAN with external attention.

The External Attention paper (arXiv 2105.02358) published no code of it. Where the
memories are is our choice: in the place of SAGAN's queries, keys and values, as
x + sigma * EA(x), with spectral norms on Mk and Mv. EANet's whole block, with its
convolutions, batch norm and ReLU, is dict(type='ExternalAttentionBlock').
"""

_base_ = 'sagan.py'
attention = dict(
    _delete_=True,
    type='ExternalAttention2d',
    num_memories=64,
    norm='double',
    tied=False,
)
model = dict(generator=dict(attention=attention), discriminator=dict(attention=attention))
