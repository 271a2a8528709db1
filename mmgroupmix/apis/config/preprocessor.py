"""Check that a config's data preprocessor can be built, before anything else is."""

from copy import deepcopy

from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope

from ...errors import UserError


def check_preprocessor(cfg: Config, toolbox: str) -> None:
    """Build the data preprocessor of a config, as the model will.

    Args:
        cfg (Config): The config.
        toolbox (str): Its toolbox.

    Raises:
        UserError: If its class refuses its arguments: mmengine's, and with it all of
            mmdetection's, takes means of one or three numbers only.
    """
    settings = (cfg.get('model') or {}).get('data_preprocessor')
    settings = deepcopy(settings or cfg.get('data_preprocessor'))
    if not isinstance(settings, dict) or 'type' not in settings:
        return
    try:
        with DefaultScope.overwrite_default_scope(toolbox):
            MODELS.build(settings)
    except (AssertionError, ValueError, TypeError) as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise UserError(
            f'model.data_preprocessor cannot be built: {reason}. For images of other '
            'channels than 1 or 3, set mean and std to one number each; or set both to '
            "None and add dict(type='Normalize', mean=[...], std=[...], to_rgb=False) to "
            'the pipelines, with a number for each channel.'
        ) from error
