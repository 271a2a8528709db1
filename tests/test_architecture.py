"""The rooms of the package and their floors: imports lead down, and never in a circle.

Every import of the package's own modules counts, inside functions too.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / 'mmgroupmix'

#: A room may import from rooms on lower floors only. Modules of a room are those that
#: begin with its name; the longest name counts.
FLOORS = {
    # the ground: errors, registries, argument checks
    'errors': 0,
    'version': 0,
    'registry': 0,
    'model_index': 1,
    'checks': 1,
    'arguments': 1,
    'compat': 2,
    'mini_data': 2,
    'checkpoints': 3,
    'engine': 4,
    'models.layers': 4,
    'models.token_mixers': 5,
    'models.blocks': 6,
    'models.backbones': 7,
    'models.decode_heads': 7,
    'models.conversion': 8,
    'models': 9,
    'generation': 10,
    'visualization': 10,
    'point_clouds': 10,
    # `import mmgroupmix` itself, which the commands do not need
    '': 10,
    'apis.config': 11,
    'apis.inference': 12,
    'apis.report': 12,
    'apis.tasks': 13,
    'apis.data_scan': 14,
    'apis.demo': 14,
    'apis.recipes': 14,
    'apis.checks': 15,
    'apis.own_data': 15,
    'apis.planning': 15,
    'apis.benchmarking': 16,
    'apis': 17,
}


def module_of(path: Path) -> str:
    """The dotted name of a file below the package, '' for the package itself."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {
    module_of(path): path for path in ROOT.rglob('*.py') if '.mim' not in path.parts
}


def room_of(module: str) -> str:
    """The room that a module belongs to; KeyError for one without a floor."""
    name = module
    while name and name not in FLOORS:
        name = name.rpartition('.')[0]
    if not name and module and '.' not in module and module not in FLOORS:
        raise KeyError(f'{module} has no floor in FLOORS')
    return name


def imported(module: str) -> Iterator[str]:
    """The modules of this package that a module imports, anywhere in its file."""
    path = MODULES[module]
    package = module.split('.') if path.name == '__init__.py' else module.split('.')[:-1]
    package = [part for part in package if part]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split('.')[0] == 'mmgroupmix':
                    yield alias.name.partition('.')[2]
            continue
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = package[: len(package) + 1 - node.level]
            name = '.'.join([*base, *([node.module] if node.module else [])])
        elif node.module and node.module.split('.')[0] == 'mmgroupmix':
            name = node.module.partition('.')[2]
        else:
            continue
        for alias in node.names:
            inner = f'{name}.{alias.name}'.lstrip('.')
            yield inner if inner in MODULES else name


GRAPH = {module: set(imported(module)) - {module} for module in MODULES}


@pytest.mark.smoke
def test_every_module_has_a_floor_and_imports_modules_that_exist():
    for module, targets in GRAPH.items():
        assert room_of(module) in FLOORS
        assert targets <= set(MODULES), f'{module} imports {targets - set(MODULES)}'
    # A table with rooms that are gone would allow more than it says.
    assert {room_of(module) for module in MODULES} == set(FLOORS)


@pytest.mark.smoke
def test_a_room_imports_from_floors_below_its_own_only():
    upward = [
        f'{module or "mmgroupmix"} (floor {FLOORS[room_of(module)]}) imports '
        f'{target or "mmgroupmix"} (floor {FLOORS[room_of(target)]})'
        for module, targets in GRAPH.items()
        for target in targets
        if room_of(module) != room_of(target)
        and FLOORS[room_of(target)] >= FLOORS[room_of(module)]
    ]
    # The ground floor is one room.
    upward = [pair for pair in upward if pair.count('floor 0') < 2]
    assert not upward, '\n'.join(upward)


@pytest.mark.smoke
def test_no_modules_import_each_other_in_a_circle():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(' -> '.join(module or 'mmgroupmix' for module in error.args[1]))


@pytest.mark.smoke
def test_no_file_is_longer_than_300_lines():
    files = [*MODULES.values(), *Path(__file__).parent.rglob('*.py')]
    lengths = {path: len(path.read_text().splitlines()) for path in files}
    assert not [f'{path}: {n} lines' for path, n in lengths.items() if n > 300]
