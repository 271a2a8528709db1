"""Error messages for when mmdet, mmseg or mmpretrain is missing or fails to import.

Reason: each toolbox is published twice, by OpenMMLab and by its new maintainers, as
different distributions of the same modules; and the usual import failures on a new
machine have messages that do not say what to do.

Remove an entry of ``_KNOWN_FAILURES`` when its cause is gone, and this module when only
one family is left.
"""

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_TOOLBOXES = ('mmdet', 'mmseg', 'mmpretrain')
_PUBLISHED_TWICE = (*_TOOLBOXES, 'mmcv', 'mmengine')

_INSTALL = (
    'Install one of the two families, never both in one environment: the maintained '
    'one with `pip install "mmgroupmix[onedl]"`, or the classic one with '
    '`pip install "mmgroupmix[classic]"`.'
)

# A pattern in the text of the error, and what to do.
_KNOWN_FAILURES = (
    (
        r'lib(GL|gthread|glib|SM|Xext|Xrender)[-\w.]*\.so',
        'The installed OpenCV includes a user interface, for which this machine lacks '
        'graphics libraries. Replace it: `pip uninstall -y opencv-python && pip install '
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
        'The installed packages belong to different families or releases. Uninstall them '
        'first: `pip uninstall -y mmengine mmcv mmcv-lite mmdet mmsegmentation '
        'mmpretrain onedl-mmengine onedl-mmcv onedl-mmdetection onedl-mmsegmentation '
        f'onedl-mmpretrain`. {_INSTALL}',
    ),
)


def require_toolbox(name: str) -> ModuleType:
    """Import a toolbox, or explain how to install it.

    Args:
        name (str): ``'mmdet'``, ``'mmseg'`` or ``'mmpretrain'``.

    Returns:
        ModuleType: The imported toolbox.

    Raises:
        ValueError: If ``name`` is not one of the three.
        ImportError: If the toolbox, mmcv or mmengine is not installed, or its import
            fails for a known reason. Other exceptions are not changed.
    """
    if name not in _TOOLBOXES:
        raise ValueError(
            f'unknown toolbox {name!r}, expected one of {", ".join(_TOOLBOXES)}'
        )
    with explain_import_failures(name):
        # Some releases of the toolboxes import mmcv only where they use it.
        importlib.import_module('mmcv')
        return importlib.import_module(name)


@contextmanager
def explain_import_failures(name: str) -> Iterator[None]:
    """Explain known import failures in the body of the ``with`` statement.

    Args:
        name (str): The module that is being imported, for the message.

    Raises:
        ImportError: In place of a known failure, which becomes its cause. Other
            exceptions are not changed.
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
                raise ImportError(
                    f'{name} cannot be imported: {error}\n{advice}'
                ) from error
        raise
