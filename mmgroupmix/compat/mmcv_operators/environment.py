"""What environment reports print of the build of mmcv's operators."""


def get_compiler_version() -> str:
    """The compiler, for the report."""
    return 'none (operators from torchvision, through mmgroupmix)'


def get_compiling_cuda_version() -> str:
    """The CUDA version of the compiler, for the report."""
    return 'none (operators from torchvision, through mmgroupmix)'
