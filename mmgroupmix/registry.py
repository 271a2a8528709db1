"""The registries of the package.

``MODELS`` is a child of mmengine's root registry, as are those of mmdet, mmseg and
mmpretrain, so that all of them find ``type='mmgroupmix.GroupMixFormer'``; the same holds
for hooks, loops, datasets, transforms, metrics, model wrappers, optimizer wrappers and
their constructors.
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

#: What a name of this scope may be defined in, imported when one is looked up.
GENERATION, POINT_CLOUDS = 'mmgroupmix.generation', 'mmgroupmix.point_clouds'

MODELS = Registry(
    'model',
    parent=ROOT_MODELS,
    scope='mmgroupmix',
    locations=['mmgroupmix.models', GENERATION, POINT_CLOUDS],
)

HOOKS = Registry(
    'hook',
    parent=ROOT_HOOKS,
    scope='mmgroupmix',
    locations=['mmgroupmix.engine', GENERATION],
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
    locations=['mmgroupmix.engine', GENERATION],
)

DATASETS = Registry(
    'dataset',
    parent=ROOT_DATASETS,
    scope='mmgroupmix',
    locations=[GENERATION, POINT_CLOUDS],
)

TRANSFORMS = Registry(
    'transform',
    parent=ROOT_TRANSFORMS,
    scope='mmgroupmix',
    locations=[POINT_CLOUDS],
)

METRICS = Registry(
    'metric',
    parent=ROOT_METRICS,
    scope='mmgroupmix',
    locations=[GENERATION, POINT_CLOUDS],
)

TOKEN_MIXERS = Registry(
    'token mixer', scope='mmgroupmix', locations=['mmgroupmix.models.token_mixers']
)
