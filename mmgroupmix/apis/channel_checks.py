"""Checks that images have the channels that a model takes, before the first step."""

import copy
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import Compose
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ..engine.input_channels import ChannelCheck, ChannelMismatchError, count_channels
from ..engine.random_states import seeded_cpu
from ..errors import UserError
from .config.main_rank import on_main_rank
from .data_scan.dataset_files import iter_datasets

#: What transforms raise for an image that they cannot work on.
IMAGE_ERRORS = (cv2.error, AssertionError, IndexError, TypeError, ValueError)
#: Characters of an error that are shown.
MAX_REASON = 120


class ChannelCheckingCompose(Compose):
    """A pipeline that compares the channels of each image with those of the model.

    Args:
        pipeline (Compose): The dataset's pipeline, which is called unchanged.
        channels (ChannelCheck): What the model takes.
    """

    def __init__(self, pipeline: Compose, channels: ChannelCheck):
        self.transforms = pipeline.transforms
        self.pipeline = pipeline
        self.channels = channels

    def __call__(self, data: dict) -> dict | None:
        """Apply the transforms.

        Raises:
            UserError: If one fails on an image that is not in colour, or the model cannot
                take the result; with the name of the file.
        """
        path = data.get('img_path')
        try:
            results = self.pipeline(data)
        except UserError:
            raise
        except IMAGE_ERRORS as error:
            name, number = find_failed_step(error)
            if name and number not in (None, 3):
                # OpenCV's messages end in a line for what it is about.
                text = getattr(error, 'err', None) or str(error) or 'no reason given'
                reason = ' '.join(text.split())[:MAX_REASON]
                raise UserError(
                    f'{name} fails on the image {path}, which has '
                    f'{count_channels(number)} ({type(error).__name__}: {reason}). '
                    'Remove it from the pipeline if it is for colour images, or read '
                    "with color_type='color'."
                ) from error
            raise
        self.channels.check(results, f'the image {path or "of a sample without path"}')
        return results


def find_failed_step(error: BaseException) -> tuple[str | None, int | None]:
    """Find the transform that raised an error, and the channels of its image.

    Args:
        error (BaseException): What a pipeline raised.

    Returns:
        tuple[str | None, int | None]: The class of the transform and the number of
        channels; None where they are not known.
    """
    trace = error.__traceback__
    found: tuple[str | None, int | None] = (None, None)
    while trace is not None:
        variables = trace.tb_frame.f_locals
        results = variables.get('results')
        if trace.tb_frame.f_code.co_name == 'transform' and isinstance(results, dict):
            image = results.get('img')
            if isinstance(image, np.ndarray) and image.ndim in (2, 3):
                number = 1 if image.ndim == 2 else image.shape[-1]
                found = (type(variables.get('self')).__name__, number)
        trace = trace.tb_next
    return found


def check_channels(runner: Runner) -> None:
    """Let every dataset that a runner builds compare its images with the model.

    One image of each is compared at once: a mismatch in the validation would otherwise
    be found when that begins.

    Args:
        runner (Runner): A runner whose loops are not built yet.
    """
    build = runner.build_dataloader

    def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
        loader = build(*args, **kwargs)
        channels = ChannelCheck(runner.model, runner.cfg)
        datasets = list(iter_datasets(getattr(loader, 'dataset', None)))
        for dataset in datasets:
            if isinstance(getattr(dataset, 'pipeline', None), Compose):
                dataset.pipeline = ChannelCheckingCompose(dataset.pipeline, channels)
        on_main_rank(lambda: try_samples(datasets))
        return loader

    runner.build_dataloader = build_dataloader


def try_samples(datasets: Iterable[Any]) -> None:
    """Run an image of each dataset through its pipeline.

    Raises:
        ChannelMismatchError: If the model cannot take it.
    """
    for dataset in datasets:
        try:
            # A copy, as some steps keep the images that they have seen.
            pipeline = copy.deepcopy(dataset.pipeline)
            with seeded_cpu(0):
                pipeline(dataset.get_data_info(0))
        except ChannelMismatchError:
            raise
        except Exception:
            continue  # whatever it is, the run reports it
