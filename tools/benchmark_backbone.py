"""Compare the inference time of a backbone with that of a timm model.

The two models run alternately in one process, and the median ratio of their times is
reported, because absolute times are unreliable on a shared machine. Requires timm.
"""

import argparse
import statistics
import time

import _checkout  # noqa: F401  prefer this checkout to an installed copy
import timm
import torch
from torch import nn

import mmgroupmix  # noqa: F401  registers the backbones
from mmgroupmix.registry import MODELS


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = MODELS.build(dict(type=args.model, arch=args.arch)).eval()
    if not args.unfused:
        model.fuse()
    model = model.to(args.device)
    reference = timm.create_model(args.reference).eval().to(args.device)
    image = torch.randn(args.batch, 3, args.size, args.size, device=args.device)

    times, reference_times = measure_alternately(
        (model, reference), image, args.warmup, args.runs
    )
    ratios = [a / b for a, b in zip(times, reference_times)]
    lower, median, upper = statistics.quantiles(ratios, n=4)
    state = 'unfused' if args.unfused else 'fused'
    print(
        f'{args.model} {args.arch} ({state}) / {args.reference}: median ratio '
        f'{median:.3f} (quartiles {lower:.3f} and {upper:.3f}) of {args.runs} '
        'alternating runs'
    )
    for name, seconds in ((args.model, times), (args.reference, reference_times)):
        print(f'  {name}: median {statistics.median(seconds):.4f} s')
    print(
        f'  batch size {args.batch}, {args.size}x{args.size} pixels, float32, '
        f'{args.threads} threads, {args.device}, torch {torch.__version__}, '
        f'timm {timm.__version__}'
    )


def measure_alternately(
    models: tuple[nn.Module, ...], image: torch.Tensor, warmup: int, runs: int
) -> list[list[float]]:
    """Return the times of each model in seconds, without those of the warm-up."""
    times: list[list[float]] = [[] for _ in models]
    with torch.inference_mode():
        for run in range(warmup + runs):
            for model, seconds in zip(models, times):
                start = time.perf_counter()
                model(image)
                if image.is_cuda:
                    torch.cuda.synchronize()
                if run >= warmup:
                    seconds.append(time.perf_counter() - start)
    return times


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        '--model', default='GroupMixFormer', help='backbone class of this package'
    )
    parser.add_argument('--arch', default='s', help='architecture of the backbone')
    parser.add_argument(
        '--reference', default='swin_tiny_patch4_window7_224', help='name of a timm model'
    )
    parser.add_argument(
        '--unfused', action='store_true', help='do not fold batch norms into convolutions'
    )
    for name, default, meaning in (
        ('batch', 4, 'number of images per run'),
        ('size', 224, 'height and width of the images in pixels'),
        ('runs', 30, 'number of measured runs per model'),
        ('warmup', 5, 'number of runs before measuring'),
        ('threads', 2, 'number of CPU threads'),
    ):
        parser.add_argument(
            f'--{name}', type=int, default=default, metavar='N', help=meaning
        )
    parser.add_argument('--device', default='cpu', help='device of both models')
    return parser.parse_args()


if __name__ == '__main__':
    main()
