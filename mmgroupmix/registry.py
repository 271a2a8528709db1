"""The registries of the package.

``MODELS`` is a child of mmengine's root, beside mmdet's, mmseg's and mmpretrain's, so
that ``type='mmgroupmix.GroupMixFormer'`` is found from each of them.
"""

from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import Registry

MODELS = Registry(
    'model', parent=MMENGINE_MODELS, scope='mmgroupmix',
    locations=['mmgroupmix.models'])

HOOKS = Registry(
    'hook', parent=MMENGINE_HOOKS, scope='mmgroupmix',
    locations=['mmgroupmix.engine'])

TOKEN_MIXERS = Registry(
    'token mixer', scope='mmgroupmix',
    locations=['mmgroupmix.models.token_mixers'])
