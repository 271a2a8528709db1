"""Hook that says what a model took from a checkpoint, and refuses one of another."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import BaseLoop, Runner

from ...checkpoints.loaded_weights import (
    LoadedWeights,
    count_elements,
    format_parts,
    list_first_parts,
)
from ...checkpoints.resuming import CONFIG_ADVICE, check_shapes
from ...checks import format_skip_hint, get_skipped_checks
from ...errors import CheckpointError
from ...registry import HOOKS

#: A checkpoint that fits less of a model than this has nothing but a class layer of it.
MIN_SHARE = 0.01


@HOOKS.register_module()
class LoadedWeightsHook(Hook):
    """Say what ``load_from``, ``--resume`` and a test load, and what does not fit.

    A training from ``load_from`` goes on with new weights where those of the checkpoint
    do not fit, unless next to nothing does. A test needs all weights.

    Raises:
        CheckpointError: If the checkpoint is of another model.
    """

    # Before EMAHook, which loads the weights as well.
    priority = 'HIGHEST'

    def __init__(self) -> None:
        self._record: LoadedWeights | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        # EMAHook does not look at the top level of a file.
        checkpoint.setdefault('state_dict', dict(checkpoint))
        self._names = list(checkpoint['state_dict'])
        if not isinstance(runner._train_loop, BaseLoop) and _is_checked(runner):
            hint = format_skip_hint('weights')
            check_shapes(checkpoint, runner.model, _describe_misfit(runner), hint)
        self._record = LoadedWeights(unwrap_model(runner.model))

    def before_train(self, runner: Runner) -> None:
        record = self._report(runner)
        if record and not runner._resume and _is_checked(runner):
            self._check_start(runner, record)

    def before_test(self, runner: Runner) -> None:
        record = self._report(runner)
        misfit = record.find_misfit() if record and _is_checked(runner) else None
        if misfit:
            raise CheckpointError(
                f'{_describe_misfit(runner)}: {misfit}. {CONFIG_ADVICE} '
                + format_skip_hint('weights')
            )

    before_val = before_test

    def _report(self, runner: Runner) -> LoadedWeights | None:
        """Log what was loaded; return the record of it, once."""
        record, self._record = self._record, None
        if record is None:
            return None
        record.close()
        is_new = record.missing or record.mismatched
        end = '; what is missing or of another shape is newly initialised'
        line = f'{runner._load_from}: {record.describe()}{end if is_new else ""}'
        (runner.logger.warning if is_new else runner.logger.info)(line)
        return record

    def _check_start(self, runner: Runner, record: LoadedWeights) -> None:
        """Refuse a checkpoint of which a model takes nothing but a layer."""
        layers = {name.rpartition('.')[0] for name in record.loaded}
        share = count_elements(record.own, record.loaded) / max(
            count_elements(record.own, record.own), 1
        )
        if len(layers) > 1 and share >= MIN_SHARE:
            return
        fitting = format_parts(record.loaded) if record.loaded else 'nothing'
        raise CheckpointError(
            f'load_from={runner._load_from} is of another model: {fitting} of it fits. '
            f'Its names begin with {list_first_parts(self._names)}, those of the model '
            f'with {list_first_parts(record.own)}. Give a checkpoint of this model, or, '
            "for a backbone alone, model.backbone.init_cfg=dict(type='Pretrained', "
            f'checkpoint=...). {format_skip_hint("weights")}'
        )


def unwrap_model(model: Any) -> Any:
    """The model within wrappers for processes and test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


def _is_checked(runner: Runner) -> bool:
    return 'weights' not in get_skipped_checks(runner.cfg)


def _describe_misfit(runner: Runner) -> str:
    return f'{runner._load_from} does not fit {runner.cfg.filename or "the model"}'
