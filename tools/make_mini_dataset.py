"""Write one of the generated mini data sets."""

import argparse

import _checkout  # noqa: F401  this checkout, before another installed copy

from mmgroupmix import mini_data
from mmgroupmix.mini_data.manifest import read_manifest

WRITERS = {
    'ade20k': mini_data.write_mini_ade20k,
    'coco': mini_data.write_mini_coco,
    'imagenet': mini_data.write_mini_imagenet,
}


def main():
    parser = argparse.ArgumentParser(
        description='Write a small data set of handwritten digits on photographs, in '
        'the layout of a large one. Needs scikit-learn: pip install mmgroupmix[demo].'
    )
    parser.add_argument('layout', choices=WRITERS, help='the layout to write')
    parser.add_argument('root', help='its folder: absent, empty or already this set')
    for flag, meaning in (
        ('--num-train', 'training images'),
        ('--num-val', 'validation images'),
        ('--num-classes', 'outputs of the model to be trained'),
        ('--min-size', 'shortest side of an image, in pixels'),
        ('--max-size', 'longest side of an image, in pixels'),
        ('--seed', 'seed of every random choice'),
    ):
        parser.add_argument(
            flag, type=int, default=argparse.SUPPRESS, metavar='N', help=meaning
        )
    arguments = vars(parser.parse_args())
    write, root = WRITERS[arguments.pop('layout')], arguments.pop('root')
    try:
        manifest = read_manifest(write(root, **arguments))
    except (FileExistsError, ImportError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
    print(
        '{root}: {num_train} training and {num_val} validation images, '
        '{num_classes} classes, seed {seed}'.format(root=root, **manifest)
    )


if __name__ == '__main__':
    main()
