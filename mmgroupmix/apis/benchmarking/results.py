"""The rows of a benchmark with their ratios to a reference."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...arguments import suggest
from ...errors import UserError
from .condition import Condition, Row
from .summary import Quartiles, find_ratios


@dataclass
class Results:
    """What a benchmark has measured so far.

    Attributes:
        reference (int): Index of the model that the ratios refer to.
        batch (int): Images per step.
        rows (list[list[Row]]): One list per condition, with one row per model.
    """

    reference: int
    batch: int
    rows: list[list[Row]] = field(default_factory=list)

    def find_reference(self, rows: Sequence[Row]) -> Row | None:
        """The reference among the rows of a condition; None if it has no times."""
        if self.reference >= len(rows) or not rows[self.reference].seconds:
            return None
        return rows[self.reference]

    def find_ratios(self, row: Row, rows: Sequence[Row]) -> Quartiles | None:
        """Ratios of a row to the reference of its condition, if both have times."""
        reference = self.find_reference(rows)
        if reference is None or not row.seconds:
            return None
        return find_ratios(row.seconds, reference.seconds)


def find_reference_index(names: Sequence[str], reference: str | None) -> int:
    """Find the model that the ratios refer to.

    Args:
        names (Sequence[str]): The models as they were given.
        reference (str | None): One of them, or its name without the mode; None for the
            first one.

    Returns:
        int: Its index.

    Raises:
        UserError: If it is not among the models, or is several of them.
    """
    if reference is None:
        return 0
    if reference in names:
        return names.index(reference)
    found = [i for i, name in enumerate(names) if name.rpartition('@')[0] == reference]
    if len(found) == 1:
        return found[0]
    what = 'several of the models' if found else 'not one of the models'
    raise UserError(
        f'--reference {reference}: {what}{suggest(reference, names)}. Give one of '
        f'{", ".join(names)}.'
    )


def describe_condition(condition: Condition, batch: int) -> str:
    """A condition in words, such as 'inference, float32, 224x224, batch 4'."""
    height, width = condition.size
    name = 'training step' if condition.training else condition.name
    return f'{name}, {condition.dtype_name}, {height}x{width}, batch {batch}'
