"""Rules for foreign arguments, their application, and the line that reports it."""

import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mmengine.logging import MMLogger, print_log

from ....arguments import check_names
from ....errors import UserError

Class = TypeVar('Class', bound=type)

#: What to do about a value that this package does not have.
KEEP_ADVICE = 'Set it so, or keep the published class for this config.'

#: Name of the log and text of the lines that were logged.
_LOGGED: set[tuple[str, str]] = set()


@dataclass(frozen=True)
class Fixed:
    """An argument of which this package has one value; any other is refused.

    Attributes:
        value (object): The value; of a class, its name.
        reason (str): Why another value cannot be had, and what to do.
    """

    value: object
    reason: str


@dataclass(frozen=True)
class Ignored:
    """An argument without effect on a backbone, for the reason that is given."""

    reason: str


@dataclass(frozen=True)
class Renamed:
    """An argument that has another name here."""

    name: str


@dataclass(frozen=True)
class Converted:
    """An argument that becomes the arguments that are named, by code of its backbone."""

    names: tuple[str, ...]


_LEFT_OVER = '(To drop one that a config inherits, set _delete_=True next to type.)'

Rule = Fixed | Ignored | Renamed | Converted


@dataclass
class Translation:
    """Arguments of a backbone on their way from another implementation to this package.

    Attributes:
        owner (str): The backbone, for messages.
        origin (str): The implementation that the arguments were written for.
        arguments (dict): The arguments; ours when the translation is complete.
        changes (list[str]): What became of single arguments, for :meth:`format_line`.
        same (list[str]): Arguments whose value is the only one here.
        ignored (list[str]): Arguments without effect.
    """

    owner: str
    origin: str
    arguments: dict[str, Any]
    changes: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def apply(self, rules: Mapping[str, Rule]) -> None:
        """Apply all rules except those of arguments that code converts.

        Raises:
            UserError: If an argument has a value that this package cannot honour.
        """
        for name in [name for name in self.arguments if name in rules]:
            rule = rules[name]
            if isinstance(rule, Converted):
                continue
            value = self.arguments.pop(name)
            given = f'{name}={describe_value(value)!r}'
            if isinstance(rule, Ignored):
                self.ignored.append(f'{given} ({rule.reason})')
            elif isinstance(rule, Renamed):
                self.put(rule.name, value, given)
            elif is_same(value, rule.value):
                self.same.append(given)
            else:
                reason = f'{rule.reason} {_LEFT_OVER}'
                self.refuse(name, value, f'{rule.value!r}', reason)

    def put(self, name: str, value: object, reason: str) -> None:
        """Set an argument of ours, in place of what ``reason`` says.

        Raises:
            UserError: If it is given already.
        """
        if name in self.arguments:
            raise UserError(
                f'{self.owner}: {name}={self.arguments[name]!r} and {reason} say the '
                'same in two ways, expected one of them. Remove the other.'
            )
        self.arguments[name] = value
        self.changes.append(f'{reason} -> {name}={value!r}')

    def put_default(self, name: str, value: object, meaning: str = '') -> None:
        """Set an argument that was not given to the default of the origin."""
        if name not in self.arguments:
            self.arguments[name] = value
            self.changes.append(f'{name}={value!r}, its default{meaning}')

    def refuse(self, name: str, value: object, expected: str, reason: str) -> None:
        """Raise the UserError for a value that this package cannot honour."""
        raise UserError(
            f'{self.owner}: {name}={describe_value(value)!r} (an argument of '
            f'{self.origin}), expected {expected}: {reason}'
        )

    def format_line(self) -> str:
        """The line that says what was translated; empty if nothing was."""
        parts = list(self.changes)
        if self.same:
            parts.append(f'as here: {", ".join(self.same)}')
        if self.ignored:
            parts.append(f'without effect: {", ".join(self.ignored)}')
        if not parts:
            return ''
        return f'{self.owner}: arguments of {self.origin} translated: {"; ".join(parts)}.'


def translate_arguments(
    rules: Mapping[str, Rule], translate: Callable[[type, dict], tuple[dict, str]]
) -> Callable[[Class], Class]:
    """Class decorator: a backbone also takes the arguments of other implementations.

    Only a call by name is translated, which is how a config is built.

    Args:
        rules (Mapping[str, Rule]): The foreign arguments.
        translate (Callable): From the class and the arguments to ours, and the line that
            says what was translated, '' for nothing.
    """

    def decorate(cls: Class) -> Class:
        init = cls.__init__  # type: ignore[misc]  # a class's own or an inherited one
        native = [name for name in inspect.signature(init).parameters if name != 'self']

        @functools.wraps(init)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            line = ''
            if not args:
                unknown = [key for key in kwargs if key not in (*native, *rules)]
                check_names(type(self).__name__, unknown, native)
                kwargs, line = translate(type(self), kwargs)
            init(self, *args, **kwargs)
            log_once(line)

        cls.__init__ = wrapper  # type: ignore[misc]
        return cls

    return decorate


def log_once(line: str) -> None:
    """Log a line on the main rank, once per log: a model may be built several times."""
    logger = MMLogger.get_current_instance() if line else None
    if logger is None or not logger.isEnabledFor(logging.INFO):
        return  # a model that is built to try something
    if (logger.instance_name, line) not in _LOGGED:
        _LOGGED.add((logger.instance_name, line))
        print_log(line, logger=logger)


def is_same(value: object, expected: object) -> bool:
    """Whether a value, or each side of a pair, is the expected one."""
    if isinstance(value, (tuple, list)) and value:
        return all(is_same(side, expected) for side in value)
    return describe_value(value) == expected


def describe_value(value: object) -> object:
    """The name of a class, with the arguments of a partial; other values as they are."""
    if isinstance(value, functools.partial):
        keywords = ', '.join(f'{key}={v!r}' for key, v in value.keywords.items())
        return f'{value.func.__name__}({keywords})'
    return value.__name__ if isinstance(value, type) else value


def name_arch(settings: Mapping[Any, Mapping], sizes: Mapping) -> Any:
    """The name of the architecture that has these sizes, or a dict of them."""

    def is_equal(a: object, b: object) -> bool:
        are_sequences = isinstance(a, Sequence) and isinstance(b, Sequence)
        return list(a) == list(b) if are_sequences else a == b  # type: ignore[call-overload]

    for name, table in settings.items():
        if all(is_equal(table[key], value) for key, value in sizes.items()):
            return name
    return dict(sizes)
