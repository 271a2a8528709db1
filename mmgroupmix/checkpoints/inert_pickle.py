"""Reading pickles as data: nothing that a file names is imported or called.

A pickle is a program for a small stack machine, and some of its instructions name
functions to call. ``InertUnpickler`` runs the machine, but builds only tensors, arrays
and plain containers. An object of any other class becomes a placeholder that keeps
nothing of its behaviour; a call of anything else ends the reading. It also bounds what a
file can make the machine allocate, by the size of the file.
"""

import pickle
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Sequence
from typing import Any, ClassVar

from . import inert_constructors
from .inert_constructors import Constructor
from .pickle_limits import MAX_READS, BoundedFile, Budget, UnsafePickleError, check_keys

#: Classes that a file may name besides those that are built.
MAX_CLASSES = 1000


class Placeholder(dict):
    """Stands for an object of a class that is not loaded."""

    def __new__(cls, *args: object, **kwargs: object) -> 'Placeholder':
        return super().__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    # A file may use the object as a key of a dict.
    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def append(self, item: object) -> None:
        pass

    def extend(self, items: object) -> None:
        pass


#: What is called to build objects that are of no use here: the result is a placeholder,
#: and nothing is called. They occur in the options that training scripts save.
INERT_CALLS = {
    *(
        (module, name)
        for module in ('pathlib', 'pathlib._local')
        for name in ('Path', 'PosixPath', 'WindowsPath', 'PurePosixPath')
    ),
    *(
        ('datetime', name)
        for name in ('date', 'datetime', 'time', 'timedelta', 'timezone')
    ),
    ('types', 'SimpleNamespace'),
    ('decimal', 'Decimal'),
    ('fractions', 'Fraction'),
    ('re', '_compile'),
    ('builtins', 'range'),
    ('builtins', 'slice'),
    ('collections', 'deque'),
}


# The implementation in Python, since the one in C neither bounds its memory nor lets a
# subclass tell a call from the creation of an object.
_PythonUnpickler: Any = pickle._Unpickler


class InertUnpickler(_PythonUnpickler):
    """Builds tensors, arrays and plain containers; other objects become placeholders.

    Args:
        file (BinaryIO): A file that can be read and sought, at the start of a pickle.
        **options: As for ``pickle.Unpickler``.

    Attributes:
        max_bytes (int): The size that a tensor may have.
        budget (Budget): What constructors may copy.
    """

    dispatch: ClassVar[dict] = dict(_PythonUnpickler.dispatch)

    def __init__(self, file: Any, **options: Any):
        self._bounded = BoundedFile(file)
        super().__init__(self._bounded, **options)
        self._classes: dict[tuple[str, str], Any] = {}
        # What constructors may copy: each byte of the file a few times.
        self.budget = Budget(3 * self._bounded.remaining, MAX_READS)
        self.max_bytes = self._bounded.remaining

    def find_class(self, module: str, name: str) -> Any:
        """The constructor of a global; a class of placeholders for most."""
        if self.proto < 3 and self.fix_imports:
            if (module, name) in NAME_MAPPING:
                module, name = NAME_MAPPING[module, name]
            else:
                module = IMPORT_MAPPING.get(module, module)
        known = inert_constructors.find(module, name)
        if known is not None:
            return known
        if (module, name) not in self._classes:
            if len(self._classes) == MAX_CLASSES:
                raise UnsafePickleError(f'it names more than {MAX_CLASSES} classes')
            self._classes[module, name] = type(
                name, (Placeholder,), {'__module__': module}
            )
        return self._classes[module, name]

    def call(self, function: Any, args: Any) -> Any:
        """What a call that the file asks for gives; UnpicklingError for most."""
        if not isinstance(args, tuple):
            raise pickle.UnpicklingError('arguments that are not a tuple')
        if isinstance(function, Constructor):
            return function.build(self, args)
        if not _is_placeholder_class(function):
            raise pickle.UnpicklingError(f'a call of a {type(function).__name__}')
        key = (function.__module__, function.__name__)
        if key in INERT_CALLS:
            return function()
        if key == ('copyreg', '_reconstructor') and args:
            return self._create(args[0], args[2:])
        if key == ('copyreg', '__newobj__') and args:
            return self._create(args[0], args[1:])
        raise UnsafePickleError('it calls a function', call='.'.join(key))

    def _create(self, cls: Any, args: Sequence[Any]) -> Any:
        if _is_placeholder_class(cls):
            return cls()
        if isinstance(cls, Constructor) and cls.create is not None:
            return cls.create(self, tuple(args))
        raise pickle.UnpicklingError('a new object of what is not a class')

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self.call(self.stack[-1], args)

    def load_newobj(self) -> None:
        args = self.stack.pop()
        self.append(self._create(self.stack.pop(), args))

    def load_newobj_ex(self) -> None:
        self.stack.pop()
        self.load_newobj()

    def _instantiate(self, klass: Any, args: Any) -> None:
        self.append(self.call(klass, tuple(args)))

    def load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], Placeholder):
            inert_constructors.set_state(self, self.stack[-1], state)

    def load_frame(self) -> None:
        self.read(8)  # a frame only says how far to read ahead

    def load_bytearray8(self) -> None:
        size = int.from_bytes(self.read(8), 'little')
        self.append(bytearray(self.read(size)))

    def get_extension(self, code: int) -> None:
        raise pickle.UnpicklingError(f'extension code {code}')

    def load_next_buffer(self) -> None:
        raise pickle.UnpicklingError('a buffer outside of the file')

    def load_append(self) -> None:
        value = self.stack.pop()
        self._require(list)
        self.stack[-1].append(value)

    def load_appends(self) -> None:
        items = self.pop_mark()
        self._require(list)
        self.stack[-1].extend(items)

    def load_setitem(self) -> None:
        value = self.stack.pop()
        self._set_items([self.stack.pop(), value])

    def load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set_items(items)

    def load_additems(self) -> None:
        items = self.pop_mark()
        self._require(set)
        check_keys(items)
        self.stack[-1].update(items)

    def load_frozenset(self) -> None:
        items = self.pop_mark()
        check_keys(items)
        self.append(frozenset(items))

    def _set_items(self, items: list) -> None:
        self._require(dict)
        check_keys(items[::2])
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][key] = value

    def _require(self, kind: type) -> None:
        target = self.stack[-1]
        if not isinstance(target, (kind, Placeholder)):
            raise pickle.UnpicklingError(f'items for a {type(target).__name__}')


for _opcode, _method in {
    pickle.REDUCE: InertUnpickler.load_reduce,
    pickle.NEWOBJ: InertUnpickler.load_newobj,
    pickle.NEWOBJ_EX: InertUnpickler.load_newobj_ex,
    pickle.BUILD: InertUnpickler.load_build,
    pickle.FRAME: InertUnpickler.load_frame,
    pickle.BYTEARRAY8: InertUnpickler.load_bytearray8,
    pickle.NEXT_BUFFER: InertUnpickler.load_next_buffer,
    pickle.APPEND: InertUnpickler.load_append,
    pickle.APPENDS: InertUnpickler.load_appends,
    pickle.SETITEM: InertUnpickler.load_setitem,
    pickle.SETITEMS: InertUnpickler.load_setitems,
    pickle.DICT: InertUnpickler.load_dict,
    pickle.ADDITEMS: InertUnpickler.load_additems,
    pickle.FROZENSET: InertUnpickler.load_frozenset,
}.items():
    InertUnpickler.dispatch[_opcode[0]] = _method


def _is_placeholder_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Placeholder)


def is_inert(value: object) -> bool:
    """Whether a loaded value stands for something that was not loaded."""
    return isinstance(value, (Placeholder, Constructor)) or _is_placeholder_class(value)
