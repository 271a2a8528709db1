"""Say what to do when mmdet, mmseg or mmpretrain is missing or does not import.

Reason: each toolbox is published twice, by OpenMMLab and by the maintainers who took
over, under different names but as the same modules; and the usual ways in which their
import fails on a new machine show messages that do not tell what to do.

Remove the entry of ``_KNOWN_FAILURES`` whose cause is gone, and the module with the
second family.
"""

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_TOOLBOXES = ('mmdet', 'mmseg', 'mmpretrain')
_PUBLISHED_TWICE = (*_TOOLBOXES, 'mmcv', 'mmengine')

_INSTALL = (
    'Install one of the two families, never both into one environment: the maintained '
    'one with `pip install "mmgroupmix[onedl]"`, or the classic one with '
    '`pip install "mmgroupmix[classic]"`.'
)

# A pattern in the error's text, and the advice.
_KNOWN_FAILURES = (
    (
        r'lib(GL|gthread|glib|SM|Xext|Xrender)[-\w.]*\.so',
        'OpenCV was installed with its windows, for which this machine lacks graphics '
        'libraries. Replace it: `pip uninstall -y opencv-python && pip install '
        '--force-reinstall --no-deps opencv-python-headless`.',
    ),
    (
        r'pkg_resources',
        'setuptools 81 and later lack pkg_resources, which the classic family imports: '
        '`pip install "setuptools<81"`.',
    ),
    (
        r'operator torchvision::\w+ does not exist',
        'torchvision was built for another torch. Install both together, from the same '
        'index: `pip install --force-reinstall torch torchvision`.',
    ),
    (
        r'(MMCV|MMEngine)==\S+ is .*incompatible',
        'The installed packages belong to different families or releases; uninstall them '
        'first: `pip uninstall -y mmengine mmcv mmcv-lite mmdet mmsegmentation mmpretrain '
        'onedl-mmengine onedl-mmcv onedl-mmdetection onedl-mmsegmentation '
        f'onedl-mmpretrain`. {_INSTALL}',
    ),
)


def require_toolbox(name: str) -> ModuleType:
    """Import a toolbox, or say how to install it.

    Args:
        name: ``'mmdet'``, ``'mmseg'`` or ``'mmpretrain'``.

    Returns:
        The imported module.

    Raises:
        ValueError: If ``name`` is none of the three.
        ImportError: If the toolbox, or mmcv or mmengine below it, is not installed, or
            fails to import for a known reason. Any other failure is passed on as it is.
    """
    if name not in _TOOLBOXES:
        raise ValueError(
            f'unknown toolbox {name!r}, expected one of {", ".join(_TOOLBOXES)}'
        )
    with explained_import_failures(name):
        # Some releases of the toolboxes import it only where they need it.
        importlib.import_module('mmcv')
        return importlib.import_module(name)


@contextmanager
def explained_import_failures(name: str) -> Iterator[None]:
    """Turn what is known to go wrong at import into an error that says what to do.

    Args:
        name: What is being imported, for the message.

    Raises:
        ImportError: In place of a known failure, which becomes its cause. Any other
            failure is passed on as it is.
    """
    try:
        yield
    except (ImportError, AssertionError, RuntimeError) as error:
        missing = getattr(error, 'name', None)
        if isinstance(error, ModuleNotFoundError) and missing in _PUBLISHED_TWICE:
            subject = name if missing == name else f'{name} needs {missing}, which'
            raise ImportError(f'{subject} is not installed. {_INSTALL}') from error
        for pattern, advice in _KNOWN_FAILURES:
            if re.search(pattern, str(error)):
                raise ImportError(f'{name} does not import: {error}\n{advice}') from error
        raise
