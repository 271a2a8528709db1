"""What a mistyped argument gets: the value, the place and the allowed ones."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from ..errors import UnknownArgumentError, UserError


def explain_arguments(cls: type) -> type:
    """Make ``cls(...)`` answer an unknown or missing argument with the known ones.

    A class decorator for what is built from configs: Python's own TypeError names the
    mistyped key but not what it could have been.

    Raises:
        UnknownArgumentError: At the call, if the arguments do not fit.
    """
    init = cls.__init__

    @functools.wraps(init)
    def checked(self, *args, **kwargs):
        check_call(type(self).__name__, init, args, kwargs)
        init(self, *args, **kwargs)

    cls.__init__ = checked
    return cls


def check_call(owner: str, init: Callable, args: tuple, kwargs: Mapping) -> None:
    """Check that an ``__init__`` takes the arguments (without ``self``).

    Raises:
        UnknownArgumentError: If it does not.
    """
    parameters = inspect.signature(init).parameters
    allowed = [name for name in parameters if name != 'self']
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    known = f'Its arguments: {", ".join(allowed)}.'
    for name in kwargs:
        if name not in allowed and not takes_any:
            raise UnknownArgumentError(
                f'{owner} has no argument {name!r}{suggest(name, allowed)}. {known}')
    try:
        inspect.signature(init).bind(None, *args, **kwargs)
    except TypeError as error:
        raise UnknownArgumentError(f'{owner}: {error}. {known}') from None


def suggest(given: str, allowed: Iterable[str]) -> str:
    """' (did you mean 'x'?)' for the nearest allowed word, or nothing."""
    near = get_close_matches(str(given), list(allowed), n=1)
    return f' (did you mean {near[0]!r}?)' if near else ''


def check_indices(owner: str, out_indices, count: int) -> tuple[int, ...]:
    """Check which stages a backbone returns.

    Args:
        owner (str): Who asks, for the message.
        out_indices (Sequence[int]): Stage indices.
        count (int): Number of stages; 0 to ``count - 1`` are allowed.

    Returns:
        tuple[int, ...]: The indices.

    Raises:
        UnknownArgumentError: If they are no sequence of integers.
        UserError: If one is out of range or they do not ascend.
    """
    expected = f'expected ascending stage indices from 0 to {count - 1}, as (0, 1, 2, 3)'
    if not isinstance(out_indices, (tuple, list)) or not all(
            type(i) is int for i in out_indices):
        raise UnknownArgumentError(f'{owner}: out_indices={out_indices!r}, {expected}.')
    out_indices = tuple(out_indices)
    outside = [i for i in out_indices if not 0 <= i < count]
    if outside:
        raise UserError(
            f'{owner}: out_indices={out_indices} holds {outside[0]}, {expected}.')
    if not out_indices or out_indices != tuple(sorted(set(out_indices))):
        raise UserError(f'{owner}: out_indices={out_indices}, {expected}.')
    return out_indices


def check_keys(owner: str, given: Mapping, required: Iterable[str]) -> None:
    """Check that a mapping has exactly the keys that it must have.

    Raises:
        UnknownArgumentError: If it is no mapping.
        UserError: If a key is missing or unknown.
    """
    required = list(required)
    if not isinstance(given, Mapping):
        raise UnknownArgumentError(
            f'{owner} is {given!r}, expected a dict with {", ".join(required)}.')
    for key in given:
        if key not in required:
            raise UserError(
                f'{owner} has no key {key!r}{suggest(key, required)}. '
                f'Its keys: {", ".join(required)}.')
    missing = [key for key in required if key not in given]
    if missing:
        raise UserError(f'{owner} lacks {", ".join(missing)}. Given: {dict(given)}.')
