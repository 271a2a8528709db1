"""Optimizer constructor with one parameter group per setting.

mmengine's constructor makes one group per parameter as soon as any of them has its own
setting: an optimizer that steps group by group then launches a thousand small kernels
instead of two large ones, and the log gets three lines per parameter.
"""

import logging
from collections import defaultdict
from typing import Any

from mmengine.logging import MMLogger, print_log
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from ...registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class GroupedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's ``DefaultOptimWrapperConstructor`` with one group per setting.

    ``paramwise_cfg`` has the same meaning as there.
    """

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = '',
        **kwargs: Any,
    ) -> None:
        """Add the parameters of a module; at the outermost level, merge their groups.

        Args:
            params (list[dict]): Parameter groups, which this extends.
            module (nn.Module): The module.
            prefix (str): Its name within the model. Defaults to ``''``.
            **kwargs: As mmengine's constructor passes them to itself.
        """
        if prefix:
            super().add_params(params, module, prefix, **kwargs)
            return
        logger = MMLogger.get_current_instance()
        logger.addFilter(_is_not_about_one_parameter)
        try:
            single: list[dict[str, Any]] = []
            super().add_params(single, module, prefix, **kwargs)
        finally:
            logger.removeFilter(_is_not_about_one_parameter)
        for group in merge_groups(single):
            params.append(group)
            settings = ', '.join(
                f'{k}={v:g}' if isinstance(v, float) else f'{k}={v}'
                for k, v in group.items()
                if k != 'params'
            )
            print_log(
                f'{len(group["params"])} parameters with '
                f'{settings or "the settings of the optimizer"}',
                logger='current',
            )


def merge_groups(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge groups with equal settings, in the order of their first parameters."""
    by_setting = defaultdict(list)
    for group in groups:
        setting = {k: v for k, v in group.items() if k != 'params'}
        by_setting[repr(sorted(setting.items()))].append((setting, group['params']))
    return [
        dict(params=[p for _, params in same for p in params], **same[0][0])
        for same in by_setting.values()
    ]


def _is_not_about_one_parameter(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith('paramwise_options')
