"""What a check of an annotation file found: errors and warnings with their places."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...errors import UserError
from .mask_annotations import format_value


class Findings:
    """What is wrong in a file: errors and warnings, each with its place.

    Args:
        path (str): The file.
    """

    def __init__(self, path: str):
        self.path = path
        self.errors: list[tuple[str, int, str]] = []
        self.warnings: dict[str, tuple[str, int]] = {}

    def add_error(self, part: str, index: int, reason: str) -> None:
        """Record that an entry, such as annotations[3], is broken."""
        self.errors.append((part, index, reason))

    def add_warning(self, kind: str, describe: Callable[[], str]) -> None:
        """Record what may be meant, but is worth knowing.

        Args:
            kind (str): Warnings of a kind are counted; only the first is described.
            describe (Callable): Returns the place and the reason.
        """
        text, count = self.warnings.get(kind) or (describe(), 0)
        self.warnings[kind] = text, count + 1

    def raise_errors(self, content: Mapping) -> None:
        """Raise a UserError for the first entry that is broken, if there is any."""
        if not self.errors:
            return
        # Each part in the order of the file; masks are checked in batches.
        parts = list(dict.fromkeys(part for part, _, _ in self.errors))
        part, index, reason = min(
            self.errors, key=lambda error: (parts.index(error[0]), error[1])
        )
        num_more = len({error[:2] for error in self.errors}) - 1
        entry = describe_entry(part, index, content[part][index])
        raise UserError(
            f'{self.path}: {entry}{reason}.{_count_more(num_more, "broken")} Correct or '
            'remove what is broken.'
        )

    def format_warnings(self) -> list[str]:
        """One line for each kind of warning."""
        return [
            f'{self.path}: {text}.{_count_more(count - 1, "like it")}'
            for text, count in self.warnings.values()
        ]


def describe_entry(part: str, index: int, entry: Any) -> str:
    """The place of an entry, such as 'annotations[17] (id 4711, image_id 12)'."""
    ids = [
        f'{key} {format_value(entry[key])}'
        for key in ('id', 'image_id', 'file_name')
        if isinstance(entry, dict) and key in entry
    ]
    return f'{part}[{index}]' + (f' ({", ".join(ids)})' if ids else '')


def _count_more(count: int, state: str) -> str:
    if not count:
        return ''
    return f' {count} more {"entry is" if count == 1 else "entries are"} {state}.'


def find_missing_key(entry: Any, keys: Iterable[str]) -> str | None:
    """Say that an entry is not an object, or which key it lacks."""
    if not isinstance(entry, dict):
        return f' is {format_value(entry)}; expected an object'
    missing = next((key for key in keys if key not in entry), None)
    return f' has no {missing}' if missing else None


def is_hashable(value: Any) -> bool:
    """Whether a JSON value can be an id."""
    return not isinstance(value, (list, dict))
