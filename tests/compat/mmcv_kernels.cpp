// CPU versions of the operators of mmcv that only exist as CUDA kernels.
//
// A kernel is C++ except for a few keywords. Here these are defined as empty, so that
// mmcv's kernels run one thread after another.

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
using std::exp, std::log, std::max, std::min, std::pow;

#include "ms_deform_attn_cuda_kernel.cuh"
#include "roi_pool_cuda_kernel.cuh"
#include "sigmoid_focal_loss_cuda_kernel.cuh"

void sigmoid_focal_loss_forward_impl(Tensor input, Tensor target, Tensor weight,
                                     Tensor output, float gamma, float alpha);
void sigmoid_focal_loss_backward_impl(Tensor input, Tensor target, Tensor weight,
                                      Tensor grad_input, float gamma, float alpha);
void roi_pool_forward_impl(Tensor input, Tensor rois, Tensor output, Tensor argmax,
                           int pooled_height, int pooled_width, float spatial_scale);
void roi_pool_backward_impl(Tensor grad_output, Tensor rois, Tensor argmax,
                            Tensor grad_input, int pooled_height, int pooled_width,
                            float spatial_scale);
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

static void roi_pool(Tensor input, Tensor rois, Tensor output, Tensor argmax,
                     int pooled_height, int pooled_width, float spatial_scale) {
  AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "roi_pool", [&] {
    roi_pool_forward_cuda_kernel<scalar_t>(
        output.numel(), input.data_ptr<scalar_t>(), rois.data_ptr<scalar_t>(),
        output.data_ptr<scalar_t>(), argmax.data_ptr<int>(), pooled_height,
        pooled_width, static_cast<scalar_t>(spatial_scale), input.size(1),
        input.size(2), input.size(3));
  });
}

static void roi_pool_gradient(Tensor grad_output, Tensor rois, Tensor argmax,
                              Tensor grad_input, int pooled_height, int pooled_width,
                              float spatial_scale) {
  AT_DISPATCH_FLOATING_TYPES(grad_output.scalar_type(), "roi_pool", [&] {
    roi_pool_backward_cuda_kernel<scalar_t>(
        grad_output.numel(), grad_output.data_ptr<scalar_t>(),
        rois.data_ptr<scalar_t>(), argmax.data_ptr<int>(),
        grad_input.data_ptr<scalar_t>(), pooled_height, pooled_width,
        grad_input.size(1), grad_input.size(2), grad_input.size(3));
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
REGISTER_DEVICE_IMPL(roi_pool_forward_impl, CPU, roi_pool);
REGISTER_DEVICE_IMPL(roi_pool_backward_impl, CPU, roi_pool_gradient);
REGISTER_DEVICE_IMPL(ms_deform_attn_impl_forward, CPU, attention);
REGISTER_DEVICE_IMPL(ms_deform_attn_impl_backward, CPU, attention_gradient);
