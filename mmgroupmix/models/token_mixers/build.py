"""Building of a token mixer from its config."""

from collections.abc import Mapping

from torch import nn

from ...arguments import check_argument, check_call, suggest
from ...errors import UserError
from ...registry import TOKEN_MIXERS


def resolve_token_mixer(owner: str, token_mixer: str | Mapping | type) -> dict:
    """Complete a token mixer given by name, class or config to a config with ``type``.

    Raises:
        UserError: If it has neither a name nor a class.
    """
    given = token_mixer if isinstance(token_mixer, Mapping) else {'type': token_mixer}
    config = dict(given)
    check_argument(
        is_mixer(config.get('type')) and 'dim' not in config,
        f'{owner}: token mixer',
        token_mixer,
        'a name, a class, or a dict with type and arguments other than dim, which the '
        f'backbone adds. Registered: {list_token_mixers()}',
    )
    return config


def is_mixer(given: object) -> bool:
    """Whether a token mixer may be a name or a class of modules."""
    if isinstance(given, type):
        return issubclass(given, nn.Module)
    return isinstance(given, str) and given != ''


def build_token_mixer(config: Mapping, dim: int) -> nn.Module:
    """Build a token mixer.

    Args:
        config (dict): ``type``, a name in ``TOKEN_MIXERS`` or a class, and arguments.
        dim (int): Channels of its stage.

    Returns:
        nn.Module: The mixer.

    Raises:
        UserError: If no mixer has that name.
        UnknownArgumentError: If it does not take ``dim`` or one of the arguments.
    """
    arguments = {**config, 'dim': dim}
    name = arguments.pop('type')
    mixer = TOKEN_MIXERS.get(name) if isinstance(name, str) else name
    if mixer is None:
        raise UserError(
            f'There is no token mixer {name!r}{suggest(name, TOKEN_MIXERS.module_dict)}. '
            f'Registered: {list_token_mixers()}. To register your own, decorate its '
            'class with @TOKEN_MIXERS.register_module() and add its file to '
            'custom_imports.'
        )
    check_call(f'Token mixer {mixer.__name__}', mixer, (), arguments)
    return mixer(**arguments)


def list_token_mixers() -> str:
    """The registered names, for messages."""
    return ', '.join(sorted(TOKEN_MIXERS.module_dict))
