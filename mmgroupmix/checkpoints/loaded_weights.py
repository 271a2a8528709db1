"""What a model took from a state dict, what it lacks, and what was left: by part."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor
from torch.nn import Module

from .comparison import BATCH_COUNTER

_MISMATCH = re.compile(
    r'size mismatch for (\S+): copying a param with shape (.+) from checkpoint'
)
#: Heads that only a training uses.
AUXILIARY = 'auxiliary_head'
#: Parts that a message lists before it names larger ones.
_MAX_PARTS = 6


class LoadedWeights:
    """Records what the next ``load_state_dict`` of a model does, mmengine's or torch's.

    Names are those of the model: a backbone that loads published files translates them.

    Args:
        model (nn.Module): The model, without wrappers.

    Attributes:
        own (dict[str, torch.Size]): Names and shapes of the model's tensors.
        mismatched (dict[str, tuple[int, ...]]): Names and shapes in the checkpoint of
            those that have another shape.
    """

    def __init__(self, model: Module):
        self.model = model
        self.own = {
            name: value.shape
            for name, value in model.state_dict().items()
            if isinstance(value, Tensor)
        }
        self._lists: tuple[list[str], list[str], list[str]] | None = None
        self._handle: Any = model.register_load_state_dict_pre_hook(self._note)

    def _note(self, module: Module, state_dict: Any, prefix: str, *others: Any) -> None:
        # The lists of all modules are those of the model.
        if not prefix:
            *_, missing, unexpected, messages = others
            self._lists = missing, unexpected, messages

    def close(self) -> None:
        """Stop recording, and read what was recorded."""
        self._handle.remove()
        missing, unexpected, messages = self._lists or ([], [], [])
        found = (_MISMATCH.match(message.strip()) for message in messages)
        self.mismatched = {
            match[1]: tuple(map(int, re.findall(r'\d+', match[2])))
            for match in found
            if match
        }
        lacking = {name for name in missing if not name.endswith(BATCH_COUNTER)}
        for name, module in self.model.named_modules():
            # Parts that a backbone allows a published file to lack.
            for part in getattr(module, '_new_parts', ()):
                start = f'{name}.{part}'.lstrip('.')
                lacking |= {key for key in self.own if key.startswith(start)}
        self.missing = [name for name in self.own if name in lacking]
        self.unexpected = list(dict.fromkeys(unexpected))
        self._handle, self._lists = None, None

    @property
    def loaded(self) -> list[str]:
        """Names of the model's tensors that have the values of the checkpoint."""
        lacking = {*self.missing, *self.mismatched}
        return [name for name in self.own if name not in lacking]

    def find_deeper(self) -> list[str]:
        """Parts of which the checkpoint has more than the model, such as blocks."""
        modules = dict(self.model.named_modules())
        found = []
        for name in self.unexpected:
            parts = name.split('.')
            for place in range(1, len(parts)):
                parent = modules.get('.'.join(parts[:place]))
                if parent is None:
                    break
                children = [key for key, _ in parent.named_children()]
                is_list = bool(children) and all(key.isdigit() for key in children)
                if is_list and parts[place].isdigit() and parts[place] not in children:
                    found.append('.'.join(parts[: place + 1]))
                    break
        return list(dict.fromkeys(found))

    def find_misfit(self) -> str | None:
        """What keeps the model from being used with these weights, None if it fits.

        An auxiliary head may be missing, since only a training uses it.
        """
        missing = [name for name in self.missing if not name.startswith(AUXILIARY)]
        if self.mismatched or missing:
            return f'it fits {self.describe()}'
        deeper = self.find_deeper()
        if deeper:
            return f'it has {", ".join(deeper[:4])}, which the model does not have'
        return None

    def describe(self) -> str:
        """Describe it in one line.

        Returns:
            str: Such as '310 of 312 tensors loaded; of another shape:
            bbox_head.retina_cls (class layer, (27, ...) instead of (9, ...)); ...'.
        """
        lines = [f'{len(self.loaded)} of {len(self.own)} tensors of the model']
        if self.mismatched:
            lines.append(f'of another shape: {self._describe_mismatched()}')
        if self.missing:
            lines.append(f'missing: {format_parts(self.missing)}')
        if self.unexpected:
            lines.append(f'not used: {format_parts(self.unexpected)}')
        return '; '.join(lines)

    def _describe_mismatched(self) -> str:
        layers: dict[str, list[str]] = {}
        for name in self.mismatched:
            layers.setdefault(name.rpartition('.')[0], []).append(name)
        shown = []
        for layer, names in list(layers.items())[:_MAX_PARTS]:
            first = names[0]
            kind = 'class layer, ' if all(map(self._is_class_layer, names)) else ''
            shape = format_shape(self.mismatched[first])
            shown.append(
                f'{layer} ({kind}{shape} instead of {format_shape(self.own[first])})'
            )
        rest = [name for layer in list(layers)[_MAX_PARTS:] for name in layers[layer]]
        return ', '.join([*shown, *([format_parts(rest)] if rest else [])])

    def _is_class_layer(self, name: str) -> bool:
        """Whether a tensor of a head differs in the number of its outputs only."""
        return 'head' in name and self.mismatched[name][1:] == tuple(self.own[name])[1:]


def format_parts(names: Iterable[str]) -> str:
    """Group names of tensors by their parts: 'neck (4), bbox_head.fc_cls (2)'."""
    names = list(names)
    for depth in (3, 2, 1):
        parts: dict[str, int] = {}
        for name in names:
            # The layer of a tensor, or what contains the layer.
            part = '.'.join(name.split('.')[:-1][:depth]) or name
            parts[part] = parts.get(part, 0) + 1
        if len(parts) <= _MAX_PARTS:
            break
    shown = [f'{part} ({count})' for part, count in list(parts.items())[:_MAX_PARTS]]
    more = len(parts) - _MAX_PARTS
    return ', '.join(shown) + (f' and {more} more parts' if more > 0 else '')


def format_shape(shape: Iterable[int]) -> str:
    """A shape in parentheses."""
    return f'({", ".join(map(str, shape))})'


def list_first_parts(names: Iterable[str]) -> str:
    """The first parts of names, for a message: 'backbone, decode_head'."""
    parts = list(dict.fromkeys(name.partition('.')[0] for name in names))
    return ', '.join(parts[:_MAX_PARTS]) + (', ...' if len(parts) > _MAX_PARTS else '')


def count_elements(shapes: Mapping[str, Any], names: Iterable[str]) -> int:
    """The numbers in some of the tensors with these shapes."""
    return sum(shapes[name].numel() for name in names)
