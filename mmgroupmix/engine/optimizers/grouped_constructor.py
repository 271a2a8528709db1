"""Parameter groups by setting.

mmengine makes one group a parameter as soon as any of them has a setting of its own: an
optimizer that steps group by group then runs a thousand small kernels instead of two
large ones, and the log gets three lines a parameter.
"""

import logging
from collections import defaultdict

from mmengine.logging import MMLogger, print_log
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from ...registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class GroupedOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor with one parameter group for each setting.

    ``paramwise_cfg`` means what it means there.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', **kwargs
    ) -> None:
        """Add the parameters of a module, merged by setting at the outermost level."""
        if prefix:
            super().add_params(params, module, prefix, **kwargs)
            return
        logger = MMLogger.get_current_instance()
        logger.addFilter(_is_no_single_parameter)
        try:
            single = []
            super().add_params(single, module, prefix, **kwargs)
        finally:
            logger.removeFilter(_is_no_single_parameter)
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


def merge_groups(groups: list[dict]) -> list[dict]:
    """Groups with equal settings as one, in the order of their first parameters."""
    by_setting = defaultdict(list)
    for group in groups:
        setting = {k: v for k, v in group.items() if k != 'params'}
        by_setting[repr(sorted(setting.items()))].append((setting, group['params']))
    return [
        dict(params=[p for _, params in same for p in params], **same[0][0])
        for same in by_setting.values()
    ]


def _is_no_single_parameter(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith('paramwise_options')
