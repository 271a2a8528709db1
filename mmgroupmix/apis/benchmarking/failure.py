"""Why a model has no figures."""

from ...errors import UserError
from ..planning.failures import describe_error, is_out_of_memory


def describe_failure(error: BaseException) -> str:
    """An exception in one line, as the reason in a row of the table."""
    if isinstance(error, UserError):
        return ' '.join(str(error).split())
    text = describe_error(error)
    return f'out of memory: {text}' if is_out_of_memory(error) else text
