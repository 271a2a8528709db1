"""Walks through the content of a checkpoint: how deep it is, and what was not loaded."""

from collections.abc import Iterator
from typing import Any

from .inert_pickle import is_inert
from .pickle_limits import UnsafePickleError

#: Levels of containers; what copies or compares them is recursive.
MAX_NESTING = 100


def check_nesting(content: object) -> None:
    """Check that containers are not nested too deeply, and do not hold themselves.

    Args:
        content (object): The content of a checkpoint.

    Raises:
        UnsafePickleError: If they are or do.
    """
    heights: dict[int, int] = {}  # of finished containers
    above: set[int] = set()
    pending = [(content, False)]
    while pending:
        value, is_finished = pending.pop()
        if is_finished:
            above.discard(id(value))
            inner = (heights.get(id(v), 0) for _, v in _items(value))
            heights[id(value)] = 1 + max(inner, default=0)
            if heights[id(value)] > MAX_NESTING:
                raise UnsafePickleError(
                    f'it nests more than {MAX_NESTING} containers in each other'
                )
        elif id(value) in above:
            raise UnsafePickleError('a container in it holds itself')
        elif id(value) not in heights and _is_container(value):
            above.add(id(value))
            pending.append((value, True))
            pending.extend((inner, False) for _, inner in _items(value))


def find_inert(content: object) -> Iterator[tuple[str, object]]:
    """Find the objects that were not loaded.

    Args:
        content (object): The content of a checkpoint.

    Yields:
        tuple[str, object]: Where it is, as ``'message_hub.runtime_info.x'``, and what
        stands for it.
    """
    pending, seen = [('', content)], set()
    while pending:
        place, value = pending.pop()
        if is_inert(value):
            yield place, value
        elif _is_container(value) and id(value) not in seen:
            seen.add(id(value))
            pending += [(f'{place}.{k}'.lstrip('.'), v) for k, v in _items(value)]


def drop_inert(content: object) -> None:
    """Remove the objects that were not loaded from dicts and lists, in place."""
    pending, seen = [content], set()
    while pending:
        value = pending.pop()
        if id(value) in seen or not _is_container(value):
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            for key in [k for k, v in value.items() if is_inert(k) or is_inert(v)]:
                del value[key]
        elif isinstance(value, list):
            value[:] = [item for item in value if not is_inert(item)]
        pending += [inner for _, inner in _items(value)]


def _is_container(value: object) -> bool:
    return isinstance(value, (dict, list, tuple, set, frozenset))


def _items(value: Any) -> Iterator[tuple[Any, Any]]:
    return iter(value.items() if isinstance(value, dict) else enumerate(value))
