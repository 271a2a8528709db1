"""Build information, which mmcv prints in its environment reports."""

_BUILD = 'none (operators from torchvision, through mmgroupmix)'


def get_compiler_version() -> str:
    """Return what is reported as the C++ compiler."""
    return _BUILD


def get_compiling_cuda_version() -> str:
    """Return what is reported as the version of the CUDA compiler."""
    return _BUILD
