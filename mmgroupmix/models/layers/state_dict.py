"""Conversion of state dicts while a module loads them."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor


def convert_entries(
    state_dict: dict[str, Any],
    prefix: str,
    convert: Callable[[Mapping[str, Any]], Mapping[str, Tensor]],
) -> None:
    """Replace the entries of one module by their conversion, in place.

    For ``_load_from_state_dict``, which torch's and mmengine's loaders both call.

    Args:
        state_dict (dict[str, Any]): Entries of a whole model.
        prefix (str): Prefix of the module's entries.
        convert (Callable): From the module's entries, without the prefix, to its names.
    """
    given = {
        key[len(prefix) :]: state_dict.pop(key)
        for key in list(state_dict)
        if key.startswith(prefix)
    }
    if given:
        state_dict.update((prefix + key, value) for key, value in convert(given).items())
