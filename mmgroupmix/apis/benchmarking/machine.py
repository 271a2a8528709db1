"""The machine and the libraries that a measurement is about."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

#: Instructions that decide how fast products in a lower precision are.
INSTRUCTIONS = ('avx_vnni', 'avx512_vnni', 'avx512_bf16', 'avx512_fp16')
MATRIX_INSTRUCTIONS = ('amx_bf16', 'amx_int8', 'amx_fp16')


def describe_machine(device: torch.device) -> dict[str, str]:
    """Describe what the figures depend on.

    Args:
        device (torch.device): Where the models run.

    Returns:
        dict[str, str]: Texts by name.
    """
    machine = {'processor': describe_processor()}
    if device.type == 'cuda':
        machine['GPU'] = torch.cuda.get_device_name(device)
    machine['device'] = str(device)
    machine['threads'] = f'{torch.get_num_threads()} of {os.cpu_count()} cores'
    machine['libraries'] = describe_libraries(torch.__config__.show(), device)
    versions = [f'Python {platform.python_version()}', f'torch {torch.__version__}']
    try:
        versions.append(f'timm {version("timm")}')
    except PackageNotFoundError:
        versions.append('no timm')
    machine['versions'] = ', '.join(versions)
    return machine


def describe_processor(path: str | Path = '/proc/cpuinfo') -> str:
    """Name the processor, with what virtual machines leave of it, and its instructions.

    Args:
        path (str | Path): Linux's description. Defaults to '/proc/cpuinfo'.

    Returns:
        str: Such as 'AMD EPYC 9654 (family 25, model 17), AVX512, avx512_bf16'.
    """
    entries = {}
    if os.path.exists(path):
        for line in Path(path).read_text().partition('\n\n')[0].splitlines():
            name, _, value = line.partition(':')
            entries[name.strip()] = value.strip()
    name = entries.get('model name') or platform.processor() or platform.machine()
    if 'cpu family' in entries and 'model' in entries:
        name += f' (family {entries["cpu family"]}, model {entries["model"]})'
    flags = entries.get('flags', '').split()
    found = [flag for flag in (*INSTRUCTIONS, *MATRIX_INSTRUCTIONS) if flag in flags]
    return ', '.join([name, torch.backends.cpu.get_cpu_capability(), *found])


def describe_libraries(built_with: str, device: torch.device) -> str:
    """Name the libraries of linear algebra.

    Args:
        built_with (str): The text of ``torch.__config__.show()``.
        device (torch.device): Where the models run.

    Returns:
        str: BLAS and oneDNN, and on a GPU CUDA and cuDNN.
    """
    blas = re.search(r'BLAS_INFO=(\w+)', built_with)
    mkl = re.search(r'Math Kernel Library Version (\S+?)(?:-|\s)', built_with)
    name = blas[1] if blas else 'unknown'
    parts = [f'BLAS {name}' + (f' {mkl[1]}' if mkl and name == 'mkl' else '')]
    onednn = re.search(r'(?:MKL-DNN|oneDNN) v([\d.]+)', built_with)
    is_used = torch.backends.mkldnn.is_available()
    parts.append(f'oneDNN {onednn[1]}' if onednn and is_used else 'no oneDNN')
    if device.type == 'cuda':
        parts.append(f'CUDA {torch.version.cuda}')
        parts.append(f'cuDNN {torch.backends.cudnn.version()}')
        # Products that PyTorch rounds to TF32 in float32, by default convolutions alone.
        flags = {
            'convolutions': torch.backends.cudnn.allow_tf32,
            'products': torch.backends.cuda.matmul.allow_tf32,
        }
        rounded = [name for name, allowed in flags.items() if allowed]
        parts.append(f'TF32 in {" and ".join(rounded)}' if rounded else 'no TF32')
    return ', '.join(parts)
