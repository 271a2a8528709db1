"""What the installed mmcv expects of its compiled module."""

import ast
from importlib.util import find_spec
from pathlib import Path


def read_operators() -> dict[str, set[str]]:
    """The operators that each file of ``mmcv/ops`` loads; no files without mmcv."""
    spec = find_spec('mmcv')
    if spec is None or spec.origin is None:
        return {}
    operators = {}
    for path in sorted((Path(spec.origin).parent / 'ops').glob('*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith('load_ext'):
                operators.setdefault(path.stem, set()).update(
                    ast.literal_eval(node.args[1])
                )
    return operators
