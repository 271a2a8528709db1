"""Checks of arguments, with messages in the style "owner: name=value, expected ..."."""

import functools
import inspect
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import inf
from typing import Any, SupportsIndex, TypeVar

from .errors import UnknownArgumentError, UserError

Class = TypeVar('Class', bound=type)


def explain_arguments(cls: Class) -> Class:
    """Class decorator: a call with unknown or missing arguments names the known ones.

    Python's own TypeError names a mistyped argument, but not what it could have been.
    """
    init = vars(cls)['__init__']

    @functools.wraps(init)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        check_call(type(self).__name__, init, (self, *args), kwargs)
        init(self, *args, **kwargs)

    cls.__init__ = wrapper  # type: ignore[misc]  # the class's own, not a subclass's
    return cls


def check_call(owner: str, function: Callable, args: Sequence, kwargs: Mapping) -> None:
    """Raise an UnknownArgumentError if a call would not fit the function's signature."""
    signature = inspect.signature(function)
    names = [name for name in signature.parameters if name != 'self']
    if not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        check_names(owner, kwargs, names)
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError as error:
        raise UnknownArgumentError(
            f'{owner}: {error}. Its arguments: {", ".join(names)}.'
        ) from None
    missing = [
        name
        for name, p in signature.parameters.items()
        if p.default is p.empty
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        and name not in given
    ]
    if missing:
        raise UnknownArgumentError(
            f'{owner}: missing {", ".join(map(repr, missing))}. Its arguments: '
            f'{", ".join(names)}.'
        )


def check_names(owner: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise an UnknownArgumentError if a given name is not allowed."""
    for name in given:
        if name not in allowed:
            raise UnknownArgumentError(
                f'{owner} has no argument {name!r}{suggest(name, allowed)}. Its '
                f'arguments: {", ".join(allowed)}. (To drop one that a config inherits '
                'from its base, set _delete_=True next to type.)'
            )


def check_argument(is_valid: bool, name: str, value: object, expected: str) -> None:
    """Raise a UserError unless the argument is valid.

    Args:
        is_valid (bool): Whether ``value`` is as expected.
        name (str): Name of the argument with its owner, as ``'EAMLP: depth'``.
        value (object): The value that was given.
        expected (str): What was expected and, unless that is obvious, what to do.
    """
    if not is_valid:
        raise UserError(f'{name}={value!r}, expected {expected}.')


def check_choice(name: str, value: object, choices: Iterable) -> None:
    """Raise a UserError unless ``value`` is one of the choices."""
    choices = list(choices)
    *others, last = map(repr, choices)
    expected = f'{", ".join(others)} or {last}{suggest(value, choices)}'
    check_argument(value in choices, name, value, expected)


def check_sequence(name: str, values: object, length: int, meaning: str) -> None:
    """Raise a UserError unless ``values`` is a tuple or list of that length."""
    is_valid = isinstance(values, (tuple, list)) and len(values) == length
    check_argument(is_valid, name, values, f'{length} values, {meaning}')


def check_int(
    name: str, value: object, minimum: int, hint: str = '', maximum: float = inf
) -> int:
    """Check an integer argument.

    Args:
        name (str): Name of the argument, perhaps with its owner, as ``'EAMLP: depth'``.
        value (object): Its value. Any integer type is accepted, except bool.
        minimum (int): Smallest value that is allowed.
        hint (str): Sentence that ends the message. Defaults to ''.
        maximum (float): Largest value that is allowed. Defaults to infinity.

    Returns:
        int: The value as a plain int.

    Raises:
        UnknownArgumentError: If the value is not an integer.
        UserError: If it is out of range.
    """
    number = None
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        number = operator.index(value)
    if number is None or not minimum <= number <= maximum:
        limits = f'of at least {minimum}'
        if maximum < inf:
            limits = f'from {minimum} to {maximum}'
        hint = f' {hint}' if hint else ''
        error = UnknownArgumentError if number is None else UserError
        raise error(f'{name}={value!r}, expected an integer {limits}.{hint}')
    return number


def check_number(name: str, value: object, minimum: float, below: float = inf) -> None:
    """Raise a UserError unless ``minimum <= value < below``."""
    is_valid = isinstance(value, (int, float)) and minimum <= value < below
    limits = f'from {minimum}' if below == inf else f'from {minimum} to below {below}'
    check_argument(is_valid, name, value, f'a number {limits}')


def check_odd(name: str, value: object) -> None:
    """Raise a UserError unless ``value`` can be the side of a centred kernel."""
    hint = 'It must be odd, such as 3, 5 or 7.'
    check_argument(check_int(name, value, 1, hint) % 2 == 1, name, value, 'an odd number')


def check_divisor(name: str, value: object, dim: int) -> None:
    """Raise a UserError unless ``value`` divides the channels of a mixer."""
    number = check_int(name, value, 1, f'It must divide dim={dim}.')
    check_argument(dim % number == 0, name, value, f'a divisor of dim={dim}')


def suggest(given: object, allowed: Iterable) -> str:
    """' (did you mean 'x'?)' for the allowed word nearest to the given one, or ''."""
    near = get_close_matches(str(given), map(str, allowed), n=1)
    return f' (did you mean {near[0]!r}?)' if near else ''
