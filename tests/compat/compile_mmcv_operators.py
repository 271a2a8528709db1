"""Script that compiles the operators that mmgroupmix substitutes, from mmcv's sources.

    pip download --no-deps --no-build-isolation --no-binary :all: onedl-mmcv==2.3.6
    tar xzf onedl_mmcv-2.3.6.tar.gz
    python tests/compat/compile_mmcv_operators.py onedl_mmcv-2.3.6 OUTPUT_FOLDER
    MMCV_COMPILED_EXT=... pytest tests/compat -m compiled

The third command prints the value for the fourth. It takes minutes, where a complete mmcv
takes half an hour, requires a C++20 compiler but no CUDA, and downloads nothing. It also
works with the sources of `mmcv` 2.1.0 and 2.2.0, and with the site-packages folder of an
`onedl-mmcv`, which contains its sources.

The sources and headers of mmcv are compiled without changes:

- NMS, RoIAlign and deformable convolution from mmcv's CPU code.
- The focal loss, deformable attention and RoIPool only exist as CUDA kernels.
  ``mmcv_kernels.cpp`` runs them on the CPU, in float32 or float64. The kernels for the
  gradient of deformable attention differ in how threads share a sum; the one compiled
  here keeps the sum in global memory.
"""

import argparse
import sysconfig
from pathlib import Path

from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension

MODULE = '_ext'  # as in mmcv, so that the module of a complete mmcv can replace it
SOURCES = [
    'pytorch/nms.cpp',
    'pytorch/cpu/nms.cpp',
    'pytorch/roi_align.cpp',
    'pytorch/cpu/roi_align.cpp',
    'pytorch/deform_conv.cpp',
    'pytorch/cpu/deform_conv.cpp',
    'pytorch/modulated_deform_conv.cpp',
    'pytorch/cpu/modulated_deform_conv.cpp',
    'pytorch/roi_pool.cpp',
    'pytorch/focal_loss.cpp',
    'pytorch/ms_deform_attn.cpp',
    'pytorch/info.cpp',
]
INCLUDES = ['common', 'common/cuda']


def compile_operators(mmcv_folder: Path, output_folder: Path) -> Path:
    """Compile the operators.

    Args:
        mmcv_folder (Path): The folder that contains ``mmcv/ops/csrc``.
        output_folder (Path): The folder for the module; created if it does not exist.

    Returns:
        Path: The path of the module.

    Raises:
        FileNotFoundError: If ``mmcv_folder`` contains no sources of operators.
    """
    csrc = mmcv_folder.resolve() / 'mmcv' / 'ops' / 'csrc'
    sources = [csrc / name for name in SOURCES]
    sources += Path(__file__).resolve().parent.glob('mmcv_*.cpp')
    missing = [str(source) for source in sources if not source.is_file()]
    if missing:
        raise FileNotFoundError(
            'expected the folder of an unpacked source distribution of mmcv, but '
            f'{mmcv_folder} does not contain {", ".join(missing)}'
        )
    output_folder = output_folder.resolve()
    output_folder.mkdir(parents=True, exist_ok=True)
    setup(
        name=MODULE,
        ext_modules=[
            CppExtension(
                MODULE,
                [str(source) for source in sources],
                include_dirs=[str(csrc / folder) for folder in INCLUDES],
            )
        ],
        cmdclass=dict(build_ext=BuildExtension.with_options(use_ninja=False)),
        script_args=[
            '--quiet',
            'build_ext',
            '--build-lib',
            str(output_folder),
            '--build-temp',
            str(output_folder / 'objects'),
        ],
    )
    return output_folder / (MODULE + sysconfig.get_config_var('EXT_SUFFIX'))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('mmcv_folder', type=Path)
    parser.add_argument('output_folder', type=Path)
    arguments = parser.parse_args()
    module = compile_operators(arguments.mmcv_folder, arguments.output_folder)
    print(f'MMCV_COMPILED_EXT={module}')


if __name__ == '__main__':
    main()
