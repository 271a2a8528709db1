"""The build step that `pyproject.toml` cannot state: ``.mim`` in the package."""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

REPOSITORY = Path(__file__).resolve().parent
#: What OpenMMLab's tools look for in `<package>/.mim`.
MIM_FILES = ('configs', 'tools', 'model-index.yml')


class BuildWithMim(build_py):
    """Put configs, tools and the model index where OpenMMLab's `mim` finds them."""

    def run(self) -> None:
        super().run()
        root = REPOSITORY if self.editable_mode else Path(self.build_lib)
        mim = root / 'mmgroupmix' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for name in MIM_FILES:
            source, target = REPOSITORY / name, mim / name
            if self.editable_mode:
                target.symlink_to(os.path.relpath(source, mim))
            elif source.is_dir():
                ignore = shutil.ignore_patterns('__pycache__')
                shutil.copytree(source, target, ignore=ignore)
            else:
                shutil.copy(source, target)


setup(cmdclass={'build_py': BuildWithMim})
