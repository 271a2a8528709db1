"""Time a backbone of this package beside a timm model: interleaved runs, median ratio.

An absolute time says little on a shared machine; the ratio of runs that alternate in one
process does. Needs timm.
"""

import argparse
import statistics
import time

import _checkout  # noqa: F401  this checkout, before another installed copy
import timm
import torch

import mmgroupmix  # noqa: F401  registers the backbones
from mmgroupmix.registry import MODELS


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    ours = MODELS.build(dict(type=args.model, arch=args.arch)).eval()
    if not args.unfused:
        ours.fuse()
    ours = ours.to(args.device)
    reference = timm.create_model(args.reference).eval().to(args.device)
    image = torch.randn(args.batch, 3, args.size, args.size, device=args.device)

    times = {ours: [], reference: []}
    with torch.inference_mode():
        for run in range(args.warmup + args.runs):
            for model, measured in times.items():
                start = time.perf_counter()
                model(image)
                if image.is_cuda:
                    torch.cuda.synchronize()
                if run >= args.warmup:
                    measured.append(time.perf_counter() - start)
    ratios = [a / b for a, b in zip(*times.values())]
    quartiles = statistics.quantiles(ratios, n=4)
    state = 'unfused' if args.unfused else 'fused'
    print(
        f'{args.model} {args.arch} ({state}) over {args.reference}: '
        f'median ratio {quartiles[1]:.3f} (quartiles {quartiles[0]:.3f} '
        f'{quartiles[2]:.3f}) of {args.runs} interleaved runs'
    )
    for model, measured in times.items():
        print(f'  {type(model).__name__}: median {statistics.median(measured):.4f} s')
    print(
        f'  batch {args.batch} at {args.size}, float32, {args.threads} threads, '
        f'{args.device}, torch {torch.__version__}, timm {timm.__version__}'
    )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', default='GroupMixFormer')
    parser.add_argument('--arch', default='s')
    parser.add_argument('--reference', default='swin_tiny_patch4_window7_224')
    parser.add_argument('--unfused', action='store_true', help='do not fold batch norms')
    parser.add_argument('--batch', type=int, default=4, help='images a run')
    parser.add_argument('--size', type=int, default=224, help='pixels a side')
    parser.add_argument('--runs', type=int, default=30)
    parser.add_argument('--warmup', type=int, default=5)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--device', default='cpu')
    return parser.parse_args()


if __name__ == '__main__':
    main()
