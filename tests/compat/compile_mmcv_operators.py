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

- NMS and RoIAlign from mmcv's CPU code.
- The focal loss and deformable attention only exist as CUDA kernels. A kernel is C++
  except for a few keywords; here these are defined as empty, so that mmcv's kernels run
  on the CPU, one thread after another, in float32 or float64. The kernels for the
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
    'pytorch/focal_loss.cpp',
    'pytorch/ms_deform_attn.cpp',
    'pytorch/info.cpp',
]
INCLUDES = ['common', 'common/cuda']

KERNELS = r"""
#include <cmath>
#include <cfloat>
#include "pytorch_cpp_helper.hpp"
#include "pytorch_device_registry.hpp"

// Replaces what mmcv's two helper headers take from CUDA.
#define PYTORCH_CUDA_HELPER
#define COMMON_CUDA_HELPER
#define __global__
#define __device__
#define __shared__
#define __syncthreads()
#define CUDA_1D_KERNEL_LOOP(i, n) for (int i = 0; i < (n); ++i)
struct Dimension { unsigned int x; };
static const Dimension threadIdx{0}, blockDim{1};
template <typename T>
void atomicAdd(T* address, T value) { *address += value; }
using std::exp, std::log, std::max, std::pow;

#include "ms_deform_attn_cuda_kernel.cuh"
#include "sigmoid_focal_loss_cuda_kernel.cuh"

void sigmoid_focal_loss_forward_impl(Tensor input, Tensor target, Tensor weight,
                                     Tensor output, float gamma, float alpha);
void sigmoid_focal_loss_backward_impl(Tensor input, Tensor target, Tensor weight,
                                      Tensor grad_input, float gamma, float alpha);
Tensor ms_deform_attn_impl_forward(
    const Tensor& value, const Tensor& shapes, const Tensor& starts,
    const Tensor& locations, const Tensor& weights, const int im2col_step);
void ms_deform_attn_impl_backward(
    const Tensor& value, const Tensor& shapes, const Tensor& starts,
    const Tensor& locations, const Tensor& weights, const Tensor& grad_output,
    Tensor& grad_value, Tensor& grad_locations, Tensor& grad_weights,
    const int im2col_step);

static void focal_loss(Tensor input, Tensor target, Tensor weight, Tensor output,
                       float gamma, float alpha) {
  AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "focal_loss", [&] {
    sigmoid_focal_loss_forward_cuda_kernel<scalar_t>(
        output.numel(), input.data_ptr<scalar_t>(), target.data_ptr<int64_t>(),
        weight.numel() ? weight.data_ptr<scalar_t>() : nullptr,
        output.data_ptr<scalar_t>(), gamma, alpha, input.size(1));
  });
}

static void focal_loss_gradient(Tensor input, Tensor target, Tensor weight,
                                Tensor grad_input, float gamma, float alpha) {
  AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "focal_loss", [&] {
    sigmoid_focal_loss_backward_cuda_kernel<scalar_t>(
        grad_input.numel(), input.data_ptr<scalar_t>(), target.data_ptr<int64_t>(),
        weight.numel() ? weight.data_ptr<scalar_t>() : nullptr,
        grad_input.data_ptr<scalar_t>(), gamma, alpha, input.size(1));
  });
}

static Tensor attention(
    const Tensor& value, const Tensor& shapes, const Tensor& starts,
    const Tensor& locations, const Tensor& weights, const int im2col_step) {
  const int batch = value.size(0), heads = value.size(2), channels = value.size(3);
  const int queries = locations.size(1), points = locations.size(4);
  auto output = at::zeros({batch, queries, heads * channels}, value.options());
  AT_DISPATCH_FLOATING_TYPES(value.scalar_type(), "attention", [&] {
    ms_deformable_im2col_gpu_kernel<scalar_t>(
        output.numel(), value.data_ptr<scalar_t>(), shapes.data_ptr<int64_t>(),
        starts.data_ptr<int64_t>(), locations.data_ptr<scalar_t>(),
        weights.data_ptr<scalar_t>(), batch, value.size(1), heads, channels,
        shapes.size(0), queries, points, output.data_ptr<scalar_t>());
  });
  return output;
}

static void attention_gradient(
    const Tensor& value, const Tensor& shapes, const Tensor& starts,
    const Tensor& locations, const Tensor& weights, const Tensor& grad_output,
    Tensor& grad_value, Tensor& grad_locations, Tensor& grad_weights,
    const int im2col_step) {
  const int batch = value.size(0), heads = value.size(2), channels = value.size(3);
  const int queries = locations.size(1), points = locations.size(4);
  AT_DISPATCH_FLOATING_TYPES(value.scalar_type(), "attention", [&] {
    ms_deformable_col2im_gpu_kernel_gm<scalar_t>(
        grad_output.numel(), grad_output.data_ptr<scalar_t>(),
        value.data_ptr<scalar_t>(), shapes.data_ptr<int64_t>(),
        starts.data_ptr<int64_t>(), locations.data_ptr<scalar_t>(),
        weights.data_ptr<scalar_t>(), batch, value.size(1), heads, channels,
        shapes.size(0), queries, points, grad_value.data_ptr<scalar_t>(),
        grad_locations.data_ptr<scalar_t>(), grad_weights.data_ptr<scalar_t>());
  });
}

REGISTER_DEVICE_IMPL(sigmoid_focal_loss_forward_impl, CPU, focal_loss);
REGISTER_DEVICE_IMPL(sigmoid_focal_loss_backward_impl, CPU, focal_loss_gradient);
REGISTER_DEVICE_IMPL(ms_deform_attn_impl_forward, CPU, attention);
REGISTER_DEVICE_IMPL(ms_deform_attn_impl_backward, CPU, attention_gradient);
"""

# Declarations and argument names are those of mmcv's own pybind.cpp, which would require
# every other operator too.
BINDING = r"""
#include <torch/extension.h>
#include "pytorch_cpp_helper.hpp"

std::string get_compiler_version();
std::string get_compiling_cuda_version();
Tensor nms(Tensor boxes, Tensor scores, float iou_threshold, int offset);
void roi_align_forward(Tensor input, Tensor rois, Tensor output, Tensor argmax_y,
                       Tensor argmax_x, int aligned_height, int aligned_width,
                       float spatial_scale, int sampling_ratio, int pool_mode,
                       bool aligned);
void roi_align_backward(Tensor grad_output, Tensor rois, Tensor argmax_y,
                        Tensor argmax_x, Tensor grad_input, int aligned_height,
                        int aligned_width, float spatial_scale, int sampling_ratio,
                        int pool_mode, bool aligned);
void sigmoid_focal_loss_forward(Tensor input, Tensor target, Tensor weight,
                                Tensor output, float gamma, float alpha);
void sigmoid_focal_loss_backward(Tensor input, Tensor target, Tensor weight,
                                 Tensor grad_input, float gamma, float alpha);
Tensor ms_deform_attn_forward(
    const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
    const Tensor& sampling_loc, const Tensor& attn_weight, const int im2col_step);
void ms_deform_attn_backward(
    const Tensor& value, const Tensor& spatial_shapes, const Tensor& level_start_index,
    const Tensor& sampling_loc, const Tensor& attn_weight, const Tensor& grad_output,
    Tensor& grad_value, Tensor& grad_sampling_loc, Tensor& grad_attn_weight,
    const int im2col_step);

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("get_compiler_version", &get_compiler_version);
  m.def("get_compiling_cuda_version", &get_compiling_cuda_version);
  m.def("nms", &nms, py::arg("boxes"), py::arg("scores"), py::arg("iou_threshold"),
        py::arg("offset"));
  m.def("roi_align_forward", &roi_align_forward, py::arg("input"), py::arg("rois"),
        py::arg("output"), py::arg("argmax_y"), py::arg("argmax_x"),
        py::arg("aligned_height"), py::arg("aligned_width"), py::arg("spatial_scale"),
        py::arg("sampling_ratio"), py::arg("pool_mode"), py::arg("aligned"));
  m.def("roi_align_backward", &roi_align_backward, py::arg("grad_output"),
        py::arg("rois"), py::arg("argmax_y"), py::arg("argmax_x"),
        py::arg("grad_input"), py::arg("aligned_height"), py::arg("aligned_width"),
        py::arg("spatial_scale"), py::arg("sampling_ratio"), py::arg("pool_mode"),
        py::arg("aligned"));
  m.def("sigmoid_focal_loss_forward", &sigmoid_focal_loss_forward, py::arg("input"),
        py::arg("target"), py::arg("weight"), py::arg("output"), py::arg("gamma"),
        py::arg("alpha"));
  m.def("sigmoid_focal_loss_backward", &sigmoid_focal_loss_backward, py::arg("input"),
        py::arg("target"), py::arg("weight"), py::arg("grad_input"), py::arg("gamma"),
        py::arg("alpha"));
  m.def("ms_deform_attn_forward", &ms_deform_attn_forward, py::arg("value"),
        py::arg("value_spatial_shapes"), py::arg("value_level_start_index"),
        py::arg("sampling_locations"), py::arg("attention_weights"),
        py::arg("im2col_step"));
  m.def("ms_deform_attn_backward", &ms_deform_attn_backward, py::arg("value"),
        py::arg("value_spatial_shapes"), py::arg("value_level_start_index"),
        py::arg("sampling_locations"), py::arg("attention_weights"),
        py::arg("grad_output"), py::arg("grad_value"), py::arg("grad_sampling_loc"),
        py::arg("grad_attn_weight"), py::arg("im2col_step"));
}
"""


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
    missing = [str(source) for source in sources if not source.is_file()]
    if missing:
        raise FileNotFoundError(
            'expected the folder of an unpacked source distribution of mmcv, but '
            f'{mmcv_folder} does not contain {", ".join(missing)}'
        )
    output_folder = output_folder.resolve()
    output_folder.mkdir(parents=True, exist_ok=True)
    for name, code in dict(kernels=KERNELS, binding=BINDING).items():
        sources.append(output_folder / f'{name}.cpp')
        sources[-1].write_text(code)
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
