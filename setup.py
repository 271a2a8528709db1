"""Packaging: extras choose the OpenMMLab family, `.mim` carries configs and tools."""

import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
#: What OpenMMLab's tools look for in `<package>/.mim`.
MIM_FILES = ('configs', 'tools', 'model-index.yml')


class BuildWithMim(build_py):
    """Put configs, tools and model index where OpenMMLab's `mim` finds them."""

    def run(self):
        super().run()
        if self.editable_mode:
            target = HERE / 'mmgroupmix' / '.mim'
        else:
            target = Path(self.build_lib) / 'mmgroupmix' / '.mim'
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in MIM_FILES:
            source = HERE / name
            if self.editable_mode:
                (target / name).symlink_to(os.path.relpath(source, target))
            elif source.is_dir():
                shutil.copytree(
                    source, target / name, ignore=shutil.ignore_patterns('__pycache__')
                )
            else:
                shutil.copy(source, target / name)


def version() -> str:
    scope = {}
    exec((HERE / 'mmgroupmix' / 'version.py').read_text(), scope)
    return scope['__version__']


setup(
    name='mmgroupmix',
    version=version(),
    description='GroupMixFormer, PoolFormer and External Attention for mmdetection, '
    'mmsegmentation and mmpretrain',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    python_requires='>=3.10',
    packages=find_packages(include=['mmgroupmix', 'mmgroupmix.*']),
    cmdclass={'build_py': BuildWithMim},
    # No mm* package here: it would fight with the one that a person already has.
    install_requires=['torch>=2.4', 'torchvision', 'numpy', 'matplotlib'],
    extras_require={
        # The maintained distributions (modules mmengine, mmcv, mmdet, mmseg, mmpretrain).
        'onedl': [
            'onedl-mmengine>=0.10.12',
            'onedl-mmcv>=2.3.6',
            'onedl-mmdetection>=3.5.1',
            'onedl-mmsegmentation>=1.4.2',
            'onedl-mmpretrain>=1.3.6',
        ],
        # The classic distributions of the same modules: never beside the ones above.
        'classic': [
            'mmengine>=0.10.7',
            'mmcv-lite>=2.1.0,<2.2',
            'mmdet>=3.3.0',
            'mmsegmentation>=1.2.2',
            'mmpretrain>=1.2.0',
            'setuptools<81',
            'ftfy',
            'regex',
        ],
        'demo': ['scikit-learn'],
        'test': ['pytest', 'pytest-timeout', 'scikit-learn', 'timm'],
    },
    classifiers=[
        'Development Status :: 3 - Alpha',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)
