"""Write one of the generated mini datasets."""

import argparse
from inspect import signature

import _checkout  # noqa: F401  prefer this checkout to an installed copy

from mmgroupmix import mini_data
from mmgroupmix.mini_data.manifest import read_manifest

WRITERS = {
    'ade20k': mini_data.write_mini_ade20k,
    'coco': mini_data.write_mini_coco,
    'imagenet': mini_data.write_mini_imagenet,
}


def main() -> None:
    arguments = vars(parse_args())
    write, root = WRITERS[arguments.pop('layout')], arguments.pop('root')
    try:
        manifest = read_manifest(write(root, **arguments))
    except (FileExistsError, ImportError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
    print(
        '{root}: {num_train} training and {num_val} validation images, '
        '{num_classes} classes, seed {seed}'.format(root=root, **manifest)
    )


def parse_args() -> argparse.Namespace:
    """Parse the command line. Options that are not given are left to the writers."""
    parser = argparse.ArgumentParser(
        description='Write a small dataset of handwritten digits on photographs, in the '
        'layout of a large dataset. Requires scikit-learn: pip install mmgroupmix[demo].',
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument('layout', choices=WRITERS, help='layout of the files')
    parser.add_argument(
        'root',
        help='folder to write to; it must be absent, empty or contain this dataset',
    )
    for name, meaning in (
        ('num_train', 'number of training images'),
        ('num_val', 'number of validation images'),
        ('num_classes', 'number of outputs of the model to be trained'),
        ('min_size', 'minimum height and width of an image in pixels'),
        ('max_size', 'maximum height and width of an image in pixels'),
        ('seed', 'seed of all random choices'),
    ):
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            type=int,
            metavar='N',
            help=f'{meaning} (default: {describe_default(name)})',
        )
    return parser.parse_args()


def describe_default(name: str) -> str:
    """Return the default of an argument, for each layout if they differ."""
    defaults = {
        layout: signature(write).parameters[name].default
        for layout, write in WRITERS.items()
    }
    if len(set(defaults.values())) == 1:
        return str(defaults['coco'])
    return ', '.join(f'{default} for {layout}' for layout, default in defaults.items())


if __name__ == '__main__':
    main()
