"""GroupMixFormer, PoolFormer and External Attention for mmdet, mmseg and mmpretrain.

``custom_imports = dict(imports=['mmgroupmix'], allow_failed_imports=False)`` in a
config of any of the three toolboxes is all it takes: importing this package
registers everything under the scope ``mmgroupmix``.
"""

from .version import __version__

from . import compat  # isort: skip  before anything that imports a toolbox

compat.apply()

with compat.explained_import_failures('mmgroupmix'):
    from . import engine, models
    from .models import convert_state_dict

__all__ = ['__version__', 'compat', 'convert_state_dict', 'engine', 'models']
