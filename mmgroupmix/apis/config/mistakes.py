"""All that is wrong with a run, collected and reported together."""

import sys
from collections.abc import Callable, Collection

from ...checks import format_skip_hint
from ...errors import UserError


class MistakeReport:
    """Errors and warnings of the checks of a run.

    Args:
        skipped (Collection[str]): Names of the checks that are left out. Defaults to
            none.

    Attributes:
        errors (list[str]): What stops the run.
        warnings (list[str]): What is worth knowing.
    """

    def __init__(self, skipped: Collection[str] = ()):
        self.skipped = set(skipped)
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def add_error(self, check: str, text: str) -> None:
        """Record what cannot work or would be wrong in silence.

        Args:
            check (str): Name of the check, in ``CHECKS``; '' for what no toolbox could
                do either.
            text (str): What was found, what was expected, what to do.
        """
        hint = format_skip_hint(check) if check else ''
        if hint not in text:
            text += ('\n' if '\n' in text else ' ') + hint
        self._add(self.errors, check, text)

    def add_warning(self, check: str, text: str) -> None:
        """Record what may be meant, but is worth knowing."""
        self._add(self.warnings, check, text)

    def _add(self, entries: list[str], check: str, text: str) -> None:
        if check not in self.skipped and text not in entries:
            entries.append(text)

    def collect(self, check: Callable[[], object]) -> bool:
        """Run a check that raises; what it refuses becomes an error.

        Returns:
            bool: Whether it passed.
        """
        try:
            check()
        except UserError as error:
            self.add_error('', str(error))
            return False
        return True

    def print_warnings(self) -> None:
        """Print the warnings, a line each, on stderr."""
        for text in self.warnings:
            print(f'warning: {text}', file=sys.stderr, flush=True)

    def raise_errors(self) -> None:
        """Raise all errors as one.

        Raises:
            UserError: If there is any.
        """
        if not self.errors:
            return
        if len(self.errors) == 1:
            raise UserError(self.errors[0])
        lines = [f'{len(self.errors)} things to correct before this run:']
        for number, text in enumerate(self.errors, start=1):
            first, *others = text.splitlines()
            lines += [f'{number}. {first}', *(f'   {line}' for line in others)]
        raise UserError('\n'.join(lines))
