"""The registries of the package.

``MODELS`` is a child of mmengine's root, beside mmdet's, mmseg's and mmpretrain's, so
that ``type='mmgroupmix.GroupMixFormer'`` is found from each of them; the same holds for
hooks and optimizer constructors. ``TOKEN_MIXERS`` is the package's own.
"""

from mmengine.registry import HOOKS as ROOT_HOOKS
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as ROOT_CONSTRUCTORS
from mmengine.registry import Registry

MODELS = Registry(
    'model', parent=ROOT_MODELS, scope='mmgroupmix', locations=['mmgroupmix.models']
)

HOOKS = Registry(
    'hook', parent=ROOT_HOOKS, scope='mmgroupmix', locations=['mmgroupmix.engine']
)

OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=ROOT_CONSTRUCTORS,
    scope='mmgroupmix',
    locations=['mmgroupmix.engine'],
)

TOKEN_MIXERS = Registry(
    'token mixer', scope='mmgroupmix', locations=['mmgroupmix.models.token_mixers']
)
