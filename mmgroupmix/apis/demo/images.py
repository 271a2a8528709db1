"""The images of a demo: of the channels and the format that a config's pipelines read."""

from dataclasses import dataclass
from importlib.util import find_spec

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from ...engine.input_channels import find_in_channels
from ...errors import UserError
from ...mini_data.recipe import ImageFormat
from ..config.tree import type_name, walk

#: The parts of a config whose pipelines read images.
PARTS = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'tta_pipeline')
#: The most channels that images have for OpenCV and Pillow.
MAX_PNG_CHANNELS = 4


@dataclass(frozen=True)
class ImageKind:
    """Channels and format of the images of a mini dataset.

    Attributes:
        num_channels (int): Channels. Defaults to 3.
        image_format (str): As in ``MiniDatasetRecipe``. Defaults to 'jpeg'.
    """

    num_channels: int = 3
    image_format: ImageFormat = 'jpeg'

    @property
    def name(self) -> str:
        """The end of the folder's name, '' for usual photographs."""
        if self == ImageKind():
            return ''
        return f'_{self.num_channels}_channels_{self.image_format}'


def choose_images(cfg: Config, toolbox: str, option: str) -> ImageKind:
    """Choose images that the pipelines of a config read with the model's channels.

    Pipelines that read in colour or in grey do so with any photograph. Those that read
    files unchanged get files with as many channels as the model takes.

    Args:
        cfg (Config): The config.
        toolbox (str): Its toolbox.
        option (str): The option that asks for images, for the message.

    Returns:
        ImageKind: Channels and format.

    Raises:
        UserError: If the pipelines read with OpenCV or Pillow what these cannot hold, or
            a library is missing.
    """
    steps = [
        step
        for name in PARTS
        for _, step in walk(cfg.get(name))
        if type_name(step) == 'LoadImageFromFile'
    ]
    backends = {step.get('imdecode_backend') for step in steps}
    is_unchanged = any(step.get('color_type') == 'unchanged' for step in steps)
    if not is_unchanged and 'tifffile' not in backends:
        return ImageKind()
    num_channels = get_in_channels(cfg, toolbox) or 3
    if 'tifffile' in backends:
        if find_spec('tifffile') is None:
            raise UserError(
                f"{option}: the pipelines read with imdecode_backend='tifffile', and the "
                'library tifffile is not installed: pip install tifffile'
            )
        return ImageKind(num_channels, 'tiff')
    if num_channels > MAX_PNG_CHANNELS:
        raise UserError(
            f'{option}: the backbone takes {num_channels} channels; OpenCV and Pillow '
            f'read images of at most {MAX_PNG_CHANNELS}. Set '
            "imdecode_backend='tifffile' in LoadImageFromFile."
        )
    return ImageKind() if num_channels == 3 else ImageKind(num_channels, 'png')


def get_in_channels(cfg: Config, toolbox: str) -> int | None:
    """The channels of the image that the backbone of a config takes, if it says."""
    backbone = cfg.model.get('backbone') or {}
    kind = backbone.get('type')
    if isinstance(kind, str):
        with DefaultScope.overwrite_default_scope(toolbox):
            try:
                kind = MODELS.get(kind)
            except RuntimeError:  # from mmengine, for a name that looks like a module
                kind = None
    return find_in_channels(kind, backbone)
