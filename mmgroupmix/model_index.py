"""The model index: names, configs and published figures of all experiments.

``model-index.yml`` imports one metafile per toolbox, since a toolbox can only build its
own models, and one of the point clouds, which need none.
"""

from pathlib import Path
from typing import Any

#: The metafile with the models of each toolbox, or without one, below the folder of the
#: index.
METAFILES = {
    'mmpretrain': 'configs/metafiles/classification.yml',
    'mmdet': 'configs/metafiles/detection.yml',
    'mmseg': 'configs/metafiles/segmentation.yml',
    'point_clouds': 'configs/metafiles/point_clouds.yml',
}


def find_index_folder() -> Path | None:
    """Find the folder of ``model-index.yml``, to which the paths in it are relative.

    Returns:
        Path, optional: The checkout that holds the package, or ``.mim`` in an installed
        package. None if this copy of the package has neither.
    """
    package = Path(__file__).resolve().parent
    for folder in (package.parent, package / '.mim'):
        if all((folder / metafile).is_file() for metafile in METAFILES.values()):
            return folder
    return None


def read_models(toolbox: str | None = None) -> list[dict[str, Any]]:
    """Read the entries of the models.

    Args:
        toolbox (str, optional): ``'mmdet'``, ``'mmseg'`` or ``'mmpretrain'``. Defaults to
            None: the models of all of them.

    Returns:
        list[dict]: The entries; none if this copy of the package has no index.
    """
    folder = find_index_folder()
    if folder is None:
        return []
    names = [METAFILES[toolbox]] if toolbox else METAFILES.values()
    return [model for name in names for model in read_metafile(folder / name)['Models']]


def read_metafile(path: Path) -> dict[str, Any]:
    """Read one metafile."""
    import yaml  # with mmengine: `import mmgroupmix` must get as far without it

    # The loader in C is much faster, but PyYAML may have been built without it.
    loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
    return yaml.load(path.read_text(encoding='utf-8'), loader)
