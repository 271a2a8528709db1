"""mmpretrain's counting of a PoolFormer's parts: four stages and three downsamplings.

In one list of seven sub-modules, the stages have the indices 0, 2, 4 and 6. Here, stages
are counted, and a downsampling belongs to the stage that it opens.
"""

from collections.abc import Mapping
from typing import Any

from mmengine.registry import DefaultScope

from ....errors import UserError
from .translation import Translation

NUM_SUB_MODULES = 7
#: Our number of frozen stages for mmpretrain's number of frozen sub-modules. The numbers
#: between freeze a downsampling without the stage that it opens.
FROZEN_STAGES = {-1: -1, 0: 0, 1: 1, 3: 2, 5: 3, 7: 4}
#: Arguments that neither mmpretrain's nor sail-sg's class has.
ONLY_OURS = {
    *('token_mixers', 'in_channels', 'layer_scale', 'residual', 'position_embeddings'),
    *('norm_eval', 'with_cp', 'final_norm'),
}


def counts_sub_modules(arguments: Mapping[str, Any]) -> bool:
    """Whether ``out_indices`` can only be indices of sub-modules."""
    indices = arguments.get('out_indices')
    if type(indices) is int:
        return indices not in (1, 2, 3)
    return any(index < 0 or index > 3 for index in list_integers(indices))


def list_integers(indices: Any) -> list[int]:
    """The indices in a sequence, none if it contains anything but integers."""
    is_sequence = isinstance(indices, (tuple, list))
    if not is_sequence or not all(type(index) is int for index in indices):
        return []
    return list(indices)


def count_stages(translation: Translation, indices: Any) -> tuple[int, ...] | None:
    """The stages that indices of sub-modules stand for; None for anything else."""
    given = [indices] if type(indices) is int else list_integers(indices)
    positions = {
        index + NUM_SUB_MODULES if index < 0 else index for index in given
    }  # their order does not matter there either
    if not positions:
        return None
    name = 'out_indices'
    if not positions <= set(range(NUM_SUB_MODULES)):
        translation.refuse(name, indices, 'indices from 0 to 6', 'there are no others.')
    odd = sorted(position for position in positions if position % 2)
    if odd:
        translation.refuse(
            name,
            indices,
            'even indices',
            f'in its counting of seven sub-modules, {odd[0]} is a downsampling, whose '
            'map is not returned here. The four stages are (0, 2, 4, 6) there; to count '
            'stages as here, by 0 to 3, remove the arguments that only that class has.',
        )
    return tuple(sorted(position // 2 for position in positions))


def count_frozen_stages(translation: Translation) -> None:
    """Convert a number of frozen sub-modules to one of frozen stages."""
    frozen = translation.arguments['frozen_stages']
    if type(frozen) is not int:
        return  # for the check of the class
    if frozen in (-1, 0, 1):
        frozen_parts = ('nothing', 'the patch embedding', 'that and the first stage')
        translation.same.append(f'frozen_stages={frozen} ({frozen_parts[frozen + 1]})')
        return
    if frozen not in FROZEN_STAGES:
        numbers = ', '.join(map(str, FROZEN_STAGES))
        translation.refuse(
            'frozen_stages',
            frozen,
            f'one of {numbers}',
            'it counts seven sub-modules there, and an even number freezes a '
            'downsampling without its stage, which is one part here. Freeze one '
            'sub-module more or fewer.',
        )
    del translation.arguments['frozen_stages']
    translation.put(
        'frozen_stages', FROZEN_STAGES[frozen], f'frozen_stages={frozen} sub-modules'
    )


def choose_outputs(owner: str, arguments: dict[str, Any]) -> str:
    """Choose the maps of a config without arguments of another class.

    Args:
        owner (str): The backbone, for messages.
        arguments (dict): Its arguments; ``out_indices`` is added if a classifier of
            mmpretrain has none.

    Returns:
        str: How ``out_indices`` are read where they could be meant in another way, or ''.

    Raises:
        UserError: If they can be read in two ways.
    """
    indices = arguments.get('out_indices')
    if type(indices) is int and indices == 2:
        raise UserError(
            f'{owner}: out_indices=2 can be read in two ways, expected a sequence of '
            "stages, counted from 0 to 3: (2,), or (1,) if 2 counts mmpretrain's seven "
            'sub-modules.'
        )
    integers = list_integers(indices)
    if integers in ([2], [0, 2]):
        return (
            f'{owner}: out_indices={indices!r} are taken as stages, counted from 0 to 3. '
            "In mmpretrain's counting of seven sub-modules, 2 is stage 1: write "
            f'{tuple(index // 2 for index in integers)!r} if that was meant.'
        )
    scope = DefaultScope.get_current_instance()
    is_classifier = scope is not None and scope.scope_name in ('mmpretrain', 'mmcls')
    if is_classifier and 'out_indices' not in arguments and not ONLY_OURS & {*arguments}:
        arguments['out_indices'] = (3,)
        return (
            f"{owner}: out_indices=(3,), the last map alone, as mmpretrain's PoolFormer "
            'returns by default; set out_indices=(0, 1, 2, 3) for all stages. The rest '
            'is as in this package: frozen_stages counts stages, by default none (there '
            '0, the patch embedding), and drop_path_rate is by default that of the '
            'architecture (there 0).'
        )
    return ''
