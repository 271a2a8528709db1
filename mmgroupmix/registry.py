"""The registries of the package.

``MODELS`` is a child of mmengine's root registry, as are those of mmdet, mmseg and
mmpretrain, so that all of them find ``type='mmgroupmix.GroupMixFormer'``; the same holds
for hooks, loops, model wrappers, optimizer wrappers and their constructors, data sets,
transforms and metrics.
``TOKEN_MIXERS`` has no parent.
"""

from mmengine.registry import DATASETS as ROOT_DATASETS
from mmengine.registry import HOOKS as ROOT_HOOKS
from mmengine.registry import LOOPS as ROOT_LOOPS
from mmengine.registry import METRICS as ROOT_METRICS
from mmengine.registry import MODEL_WRAPPERS as ROOT_MODEL_WRAPPERS
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as ROOT_CONSTRUCTORS
from mmengine.registry import OPTIM_WRAPPERS as ROOT_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from mmengine.registry import Registry

MODELS = Registry(
    'model',
    parent=ROOT_MODELS,
    scope='mmgroupmix',
    locations=['mmgroupmix.models', 'mmgroupmix.point_clouds'],
)

HOOKS = Registry(
    'hook', parent=ROOT_HOOKS, scope='mmgroupmix', locations=['mmgroupmix.engine']
)

LOOPS = Registry(
    'loop', parent=ROOT_LOOPS, scope='mmgroupmix', locations=['mmgroupmix.engine']
)

MODEL_WRAPPERS = Registry(
    'model wrapper',
    parent=ROOT_MODEL_WRAPPERS,
    scope='mmgroupmix',
    locations=['mmgroupmix.engine'],
)

OPTIM_WRAPPERS = Registry(
    'optimizer wrapper',
    parent=ROOT_OPTIM_WRAPPERS,
    scope='mmgroupmix',
    locations=['mmgroupmix.engine'],
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

DATASETS = Registry(
    'dataset',
    parent=ROOT_DATASETS,
    scope='mmgroupmix',
    locations=['mmgroupmix.point_clouds'],
)

TRANSFORMS = Registry(
    'transform',
    parent=ROOT_TRANSFORMS,
    scope='mmgroupmix',
    locations=['mmgroupmix.point_clouds'],
)

METRICS = Registry(
    'metric',
    parent=ROOT_METRICS,
    scope='mmgroupmix',
    locations=['mmgroupmix.point_clouds'],
)
