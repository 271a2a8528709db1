"""What a mistyped argument gets: the value, the place and the allowed ones."""

import functools
import inspect
import operator
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import SupportsIndex

from .errors import UnknownArgumentError, UserError


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
    known = f'Its arguments: {", ".join(allowed)}.'
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        check_names(owner, kwargs, allowed)
    try:
        inspect.signature(init).bind(None, *args, **kwargs)
    except TypeError as error:
        raise UnknownArgumentError(f'{owner}: {error}. {known}') from None


def check_arguments(owner: str, given: Iterable[str], *classes: type) -> None:
    """Check the names of arguments that one of several classes is to take.

    Args:
        owner (str): Who takes them, for the message.
        given (Iterable[str]): The names.
        *classes (type): A class and those that it hands arguments on to.

    Raises:
        UnknownArgumentError: If none of the classes takes one of them.
    """
    parameters = [
        p for cls in classes for p in inspect.signature(cls).parameters.values()
    ]
    check_names(
        owner,
        given,
        dict.fromkeys(p.name for p in parameters if p.kind is not p.VAR_KEYWORD),
    )


def check_names(owner: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise an UnknownArgumentError if a given name is not allowed."""
    for name in given:
        if name not in allowed:
            raise UnknownArgumentError(
                f'{owner} has no argument {name!r}{suggest(name, allowed)}. '
                f'Its arguments: {", ".join(allowed)}. (One that a config has from its '
                'base goes with _delete_=True beside type.)'
            )


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
        type(i) is int for i in out_indices
    ):
        raise UnknownArgumentError(f'{owner}: out_indices={out_indices!r}, {expected}.')
    out_indices = tuple(out_indices)
    outside = [i for i in out_indices if not 0 <= i < count]
    if outside:
        raise UserError(
            f'{owner}: out_indices={out_indices} holds {outside[0]}, {expected}.'
        )
    if not out_indices or out_indices != tuple(sorted(set(out_indices))):
        raise UserError(f'{owner}: out_indices={out_indices}, {expected}.')
    return out_indices


def check_keys(
    owner: str, given: Mapping, required: Iterable[str], optional: Iterable[str] = ()
) -> None:
    """Check that a mapping has the keys that it must have, and no unknown ones.

    Raises:
        UnknownArgumentError: If it is no mapping.
        UserError: If a key is missing or unknown.
    """
    required = list(required)
    known = list(dict.fromkeys((*required, *optional)))
    if not isinstance(given, Mapping):
        raise UnknownArgumentError(
            f'{owner} is {given!r}, expected a dict with {", ".join(required)}.'
        )
    for key in given:
        if key not in known:
            raise UserError(
                f'{owner} has no key {key!r}{suggest(key, known)}. '
                f'Its keys: {", ".join(known)}.'
            )
    missing = [key for key in required if key not in given]
    if missing:
        raise UserError(f'{owner} lacks {", ".join(missing)}. Given: {dict(given)}.')


def check_int(name: str, value: object, minimum: int, hint: str = '') -> int:
    """Check an integer argument.

    Args:
        name (str): Name of the argument, perhaps with its owner, as ``'EAMLP: depth'``.
        value (object): Its value. Any integer type is accepted, except bool.
        minimum (int): Smallest value that is allowed.
        hint (str): Sentence that ends the message. Defaults to ''.

    Returns:
        int: The value as a plain int.

    Raises:
        UnknownArgumentError: If the value is not an integer.
        UserError: If it is less than ``minimum``.
    """
    number = None
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        number = operator.index(value)
    if number is None or number < minimum:
        error = UnknownArgumentError if number is None else UserError
        hint = f' {hint}' if hint else ''
        raise error(f'{name}={value!r}, expected an integer of at least {minimum}.{hint}')
    return number


def check_odd(owner: str, name: str, side: int, why: str) -> None:
    """Raise a UserError if the side of a kernel is no positive odd number."""
    if type(side) is not int or side < 1 or not side % 2:
        raise UserError(
            f'{owner}: {name}={side!r}, expected a positive odd number: {why}. Set '
            f'{name}=3, 5 or 7.'
        )
