"""GroupMixFormer, PoolFormer and External Attention for mmdet, mmseg and mmpretrain.

A config of any of the three toolboxes only needs the line
``custom_imports = dict(imports=['mmgroupmix'], allow_failed_imports=False)``: importing
this package registers everything under the scope ``mmgroupmix``.
"""

from .version import __version__

from . import compat  # isort: skip  before anything that imports a toolbox

compat.apply()

with compat.explain_import_failures('mmgroupmix'):
    from . import checkpoints, engine, models
    from .checkpoints import trust_checkpoints
    from .models import convert_state_dict

checkpoints.install_loader()
checkpoints.adapt_pretrained_stems()
engine.install_reading()

__all__ = [
    '__version__',
    'checkpoints',
    'compat',
    'convert_state_dict',
    'engine',
    'models',
    'trust_checkpoints',
]
