"""Building of a toolbox's backbone, to which something is added."""

import inspect
from collections.abc import Mapping

from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import Registry
from torch import nn

from ...arguments import check_argument, suggest


def build_backbone(owner: str, base: str | type, arguments: Mapping) -> nn.Module:
    """Build ``dict(type=base, **arguments)`` in the toolbox of the config."""
    with ROOT_MODELS.switch_scope_and_registry(None) as registry:
        if isinstance(base, str):
            try:
                is_registered = registry.get(base) is not None
            except RuntimeError:  # from mmengine, for a name that looks like a module
                is_registered = False
            name = f'{owner}: base'
            expected = 'a registered backbone, such as ResNet or mmdet.ResNet'
            expected += '' if is_registered else suggest_backbone(registry, base)
            check_argument(is_registered, name, base, expected)
        else:
            is_builder = isinstance(base, type) and issubclass(base, nn.Module)
            is_builder |= inspect.isfunction(base) or inspect.ismethod(base)
            expected = 'the name or the class of a backbone, such as ResNet'
            check_argument(is_builder, f'{owner}: base', base, expected)
        return registry.build(dict(arguments, type=base))


def suggest_backbone(registry: Registry, name: str) -> str:
    """' (did you mean 'x'?)' for the same name in another toolbox, or the nearest one."""
    names = [
        f'{scope}.{known}'
        for scope, child in sorted(registry.root.children.items())
        for known in child.module_dict
    ]
    same = [known for known in names if known.endswith(f'.{name}')]
    return suggest(same[0] if same else name, (*registry.module_dict, *names))
