"""A config that inherits from another and states only what differs, with reasons."""

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

WIDTH = 88
DELETE = '_delete_'


class Differences:
    """Writes the differences of two configs as the text of a config.

    Args:
        variables (Mapping): Values that get a name at the top of the text, and are
            referred to by it.
        base (Mapping): The config to inherit from, whose lists are referred to by their
            names too.
        reasons (Mapping[str, str]): Comments by place, such as
            'train_dataloader.batch_size'.
    """

    def __init__(self, variables: Mapping, base: Mapping, reasons: Mapping[str, str]):
        self.base = base
        self.reasons = reasons
        self.names = [(value, name) for name, value in variables.items()]
        self.names += [
            (value, f'_base_.{name}')
            for name, value in base.items()
            if isinstance(value, list) and len(value) > 1
        ]

    def format(self, config: Mapping) -> str:
        """The text of all settings that differ from the base.

        Args:
            config (Mapping): The config, plain dicts and lists.

        Returns:
            str: One assignment for each key of the top level that differs.
        """
        lines: list[str] = []
        written: dict[str, Any] = {}
        for key, value in find_differences(self.base, config).items():
            same = key.replace('test_', 'val_')
            if (
                key != same
                and written.get(same, self) == value
                and not any(place.startswith(key) for place in self.reasons)
            ):
                lines.append(f'{key} = {same}')
                continue
            written[key] = value
            lines += self._comment(key, 0)
            lines += self._render(f'{key} = ', value, 0, key, '')
        return '\n'.join(lines) + '\n'

    def assign(self, name: str, value: Any) -> str:
        """The line that gives a variable its value."""
        names, self.names = self.names, []
        lines = self._render(f'{name} = ', value, 0, '', '')
        self.names = names
        return '\n'.join(lines)

    def _comment(self, place: str, indent: int) -> list[str]:
        text = self.reasons.get(place)
        if not text:
            return []
        lines = textwrap.wrap(text, WIDTH - indent - 2, break_long_words=False)
        return [f'{" " * indent}# {line}' for line in lines]

    def _render(
        self, head: str, value: Any, indent: int, place: str, tail: str
    ) -> list[str]:
        blank = ' ' * indent
        line = f'{blank}{head}{self._inline(value)}{tail}'
        below = any(reason.startswith(f'{place}.') for reason in self.reasons)
        is_name = self._find_name(value) is not None
        if is_name or not isinstance(value, (Mapping, list, tuple)) or not value:
            return [line]
        if len(line) <= WIDTH and not (below and isinstance(value, Mapping)):
            return [line]
        lines = []
        if isinstance(value, Mapping):
            words = all(isinstance(key, str) and key.isidentifier() for key in value)
            opening, closing = ('dict(', ')') if words else ('{', '}')
            for key, child in value.items():
                start = f'{key}=' if words else f'{key!r}: '
                inner = f'{place}.{key}'
                lines += self._comment(inner, indent + 4)
                lines += self._render(start, child, indent + 4, inner, ',')
        else:
            opening, closing = ('[', ']') if isinstance(value, list) else ('(', ')')
            for i, child in enumerate(value):
                lines += self._render('', child, indent + 4, f'{place}[{i}]', ',')
        return [f'{blank}{head}{opening}', *lines, f'{blank}{closing}{tail}']

    def _inline(self, value: Any) -> str:
        name = self._find_name(value)
        if name is not None:
            return name
        if isinstance(value, Mapping):
            if all(isinstance(key, str) and key.isidentifier() for key in value):
                parts = [f'{key}={self._inline(child)}' for key, child in value.items()]
                return f'dict({", ".join(parts)})'
            parts = [f'{key!r}: {self._inline(child)}' for key, child in value.items()]
            return f'{{{", ".join(parts)}}}'
        if isinstance(value, (list, tuple)):
            parts = [self._inline(child) for child in value]
            if isinstance(value, list):
                return f'[{", ".join(parts)}]'
            return f'({parts[0]},)' if len(parts) == 1 else f'({", ".join(parts)})'
        if isinstance(value, float) and repr(value) in ('inf', '-inf', 'nan'):
            return f"float('{value}')"
        if inspect.isclass(value) or inspect.isfunction(value):
            return repr(f'{value.__module__}.{value.__qualname__}')
        if not isinstance(value, (str, int, float, bool, type(None))):
            raise TypeError(f'{value!r} has no text that a config could hold')
        return repr(value)

    def _find_name(self, value: Any) -> str | None:
        if not isinstance(value, (Mapping, list, tuple, str)) or len(value) < 2:
            return None
        for known, name in self.names:
            if type(known) is type(value) and known == value:
                return name
        return None


def find_differences(base: Mapping, config: Mapping) -> dict[str, Any]:
    """What a config that inherits from another has to state.

    Args:
        base (Mapping): The other config, plain dicts and lists.
        config (Mapping): The config.

    Returns:
        dict: Nested; a dict that drops a key of the base has ``_delete_``, as mmengine
        reads it.
    """
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key not in base:
            found[key] = value
        elif isinstance(value, Mapping):
            old = base[key]
            if not isinstance(old, Mapping) or set(old) - set(value):
                found[key] = {DELETE: True, **value}
            elif inner := find_differences(old, value):
                found[key] = inner
        elif value != base[key]:
            found[key] = value
    return found
