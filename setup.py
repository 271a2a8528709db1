"""The build step that `pyproject.toml` cannot state: ``.mim`` in the package."""

import shutil
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

REPOSITORY = Path(__file__).resolve().parent
#: What OpenMMLab's tools look for in `<package>/.mim`.
MIM_FILES = ('configs', 'tools', 'model-index.yml')
#: onedl-mim 0.5.1 takes the first folder in RECORD, which pip sorts, for the package. The
#: scripts (`../../../bin`) and the metadata (`mmgroupmix-...`) come before `mmgroupmix`,
#: so that it finds nothing in a wheel unless a folder with `.mim` comes before them.
#: Remove when `mim.utils.get_installed_path` no longer does so.
FIRST_IN_RECORD = '+mmgroupmix'


class BuildWithMim(build_py):
    """Put configs, tools and the model index where OpenMMLab's `mim` finds them.

    In an editable install, it finds them in the checkout, where a second path to a config
    would be an error: `multiple config files with same name`.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            # Earlier versions made links there.
            shutil.rmtree(REPOSITORY / 'mmgroupmix' / '.mim', ignore_errors=True)
            return
        for package in ('mmgroupmix', FIRST_IN_RECORD):
            mim = Path(self.build_lib) / package / '.mim'
            shutil.rmtree(mim, ignore_errors=True)
            mim.mkdir(parents=True)
            for name in MIM_FILES:
                source, target = REPOSITORY / name, mim / name
                if source.is_dir():
                    ignore = shutil.ignore_patterns('__pycache__')
                    shutil.copytree(source, target, ignore=ignore)
                else:
                    shutil.copy(source, target)


# Not `build/` in the checkout, where `mim` would find the configs of a wheel again.
with tempfile.TemporaryDirectory() as build_base:
    setup(
        cmdclass={'build_py': BuildWithMim},
        options={'build': {'build_base': build_base}},
    )
