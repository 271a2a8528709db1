"""The schedule of a resumed run: that of its config, also where it has changed.

mmengine restores the schedulers with everything that they were built with, so that a run
with another schedule goes on with the old one: at a learning rate of 0 if that is over.
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler
from mmengine.runner import EpochBasedTrainLoop, Runner

#: What a scheduler counts, besides what it was built with.
_COUNTED = ('_global_step', 'last_step', '_last_value', 'verbose')
#: What one that follows a metric remembers of it.
_REMEMBERED = ('best', 'cooldown_counter', 'num_bad_epochs', 'last_step', '_global_step')
#: What schedulers add to the settings of a group: the ends of their range.
_RANGE = re.compile(r'(initial|max|min)_.+')


@dataclass(frozen=True)
class Position:
    """Where a training stands.

    Attributes:
        iterations (int): Iterations that are done, in batches of the present size.
        epochs (int): Epochs that are complete.
        epoch_length (int): Iterations of an epoch.
    """

    iterations: int
    epochs: int
    epoch_length: int


@dataclass
class Track:
    """An optimizer and its schedulers, and what the checkpoint has of them.

    Attributes:
        groups (Sequence[dict]): The groups of the optimizer, as built.
        schedulers (Sequence): Its schedulers, as built.
        saved_groups (Sequence[dict]): The groups in the checkpoint; empty if it holds no
            optimizer.
        states (list[dict]): The states of the schedulers in the checkpoint.
    """

    groups: Sequence[dict]
    schedulers: Sequence[_ParamScheduler]
    saved_groups: Sequence[dict]
    states: list[dict]

    @property
    def scheduled(self) -> set[str]:
        """The settings of a group that schedulers change, now or in the checkpoint."""
        names = {scheduler.param_name for scheduler in self.schedulers}
        names |= {state['param_name'] for state in self.states if 'param_name' in state}
        if 'momentum' in names:
            names.add('betas')
        groups = [*self.groups, *self.saved_groups]
        ranges = {key for group in groups for key in group if _RANGE.fullmatch(key)}
        return names | ranges

    def is_same_schedule(self) -> bool:
        """Whether the checkpoint has the states of schedulers that were built alike."""
        pairs = zip(self.schedulers, self.states)
        ranges = [key for key in self.scheduled if _RANGE.fullmatch(key)]
        return (
            len(self.schedulers) == len(self.states)
            and all(_read_built(one.state_dict()) == _read_built(s) for one, s in pairs)
            and all(
                group.get(key) == saved.get(key, group.get(key))
                for group, saved in zip(self.groups, self.saved_groups)
                for key in ranges
            )
        )

    def take(self, names: set[str], settings: Sequence[Mapping]) -> list[str]:
        """Set settings of the saved groups, and return which have changed."""
        changed = set()
        for saved, group in zip(self.saved_groups, settings):
            for name in names & (set(saved) - set(group)):
                del saved[name]  # a schedule that is gone had added it
            for name in names & set(group):
                if name not in saved or saved[name] != group[name]:
                    changed.add(name)
                    saved[name] = group[name]
        return sorted(changed)


def read_settings(runner: Runner) -> list[list[dict]]:
    """The settings of all groups of each optimizer, as the config states them.

    Args:
        runner (Runner): A runner that has built its optimizers and loaded nothing.

    Returns:
        list[list[dict]]: For each optimizer, a dict for each of its groups.
    """
    return [
        [_without_parameters(group) for group in wrapper.param_groups]
        for _, wrapper in _list_wrappers(runner)
    ]


def follow_config(
    runner: Runner, checkpoint: dict, settings: Sequence[Sequence[Mapping]]
) -> list[str]:
    """Let a checkpoint say of the schedule and the optimizer what the config says.

    A schedule that has changed counts as if it had been that of the run from its first
    step. What is as it was is not touched: such a run goes on bit by bit. Of schedulers
    that follow a metric, the rates so far stay, in proportion to the initial ones.

    Args:
        runner (Runner): The runner, whose schedulers are built and not yet restored.
        checkpoint (dict): The content of the checkpoint, changed in place.
        settings (Sequence): What :func:`read_settings` returned.

    Returns:
        list[str]: What has changed, for a message; empty if nothing has.
    """
    position = find_position(runner, checkpoint['meta'])
    before = checkpoint['meta'].get('optimizer_settings')
    changed = []
    for number, (name, wrapper) in enumerate(_list_wrappers(runner)):
        track = _build_track(runner, checkpoint, name, wrapper)
        is_same = bool(track.saved_groups) and track.is_same_schedule()
        if not is_same and (track.schedulers or track.states):
            changed += _follow_schedule(track, position, settings[number])
            states = [drop_functions(one.state_dict()) for one in track.schedulers]
            _store(checkpoint, name, states)
        if _is_like(before, settings):
            differing = {
                key
                for old, new in zip(before[number], settings[number])
                for key in old.keys() & new.keys()
                if old[key] != new[key]
            }
            if track.schedulers:
                differing -= track.scheduled
            names = track.take(differing, settings[number])
            changed += [
                f'{key} {_format(before[number][-1][key])} -> '
                f'{_format(settings[number][-1][key])}'
                for key in names
            ]
    return changed


def find_position(runner: Runner, meta: Mapping) -> Position:
    """Where the training of a checkpoint stands, in the units of this run."""
    loop = runner.train_loop
    iterations, epochs = meta['iter'], meta['epoch']
    if isinstance(loop, EpochBasedTrainLoop):
        iterations += getattr(loop, 'batch_offset', 0)
    try:
        length = len(runner.train_dataloader)
    except TypeError:  # an IterableDataset
        length = max(iterations // max(epochs, 1), 1)
    return Position(iterations, epochs, length)


def replay(schedulers: Sequence[_ParamScheduler], position: Position) -> None:
    """Step new schedulers as a training would have up to a position, in place."""
    by_iteration = [one for one in schedulers if not one.by_epoch]
    by_epoch = [one for one in schedulers if one.by_epoch]
    epochs = 0
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # no step of the optimizer comes in between
        for iteration in range(1, position.iterations + 1):
            _step(by_iteration, iteration == position.iterations)
            if iteration % position.epoch_length == 0 and epochs < position.epochs:
                epochs += 1
                _step(by_epoch, True)
        for _ in range(epochs, position.epochs):
            _step(by_epoch, True)


def _step(schedulers: Sequence[_ParamScheduler], is_last: bool) -> None:
    for scheduler in schedulers:
        is_active = scheduler.begin <= scheduler._global_step + 1 < scheduler.end
        is_plain = type(scheduler).step is _ParamScheduler.step
        if is_active or is_last or not is_plain:
            scheduler.step()
        else:  # a warmup of long ago
            scheduler._global_step += 1


def _follow_schedule(
    track: Track, position: Position, settings: Sequence[Mapping]
) -> list[str]:
    """Replay the schedule for the checkpoint; describe it, if it makes a difference."""
    remembered: Mapping = next((s for s in track.states if 'num_bad_epochs' in s), {})
    followers = [s for s in track.schedulers if getattr(s, 'need_val_args', False)]
    replay(track.schedulers, position)
    if remembered and followers:
        for scheduler in followers:
            scheduler.__dict__.update({key: remembered[key] for key in _REMEMBERED})
        _keep_reductions(track, {scheduler.param_name for scheduler in followers})
    states = [drop_functions(scheduler.state_dict()) for scheduler in track.schedulers]
    if states == track.states:
        return []
    names = {scheduler.param_name for scheduler in track.schedulers}
    rate = 'lr' if 'lr' in names else min(names, default='lr')
    saved = track.saved_groups[-1].get(rate) if track.saved_groups else None
    # What only the earlier schedule changed is what the config says.
    track.take(track.scheduled - names, settings)
    track.take(track.scheduled, track.groups)
    now = track.groups[-1][rate]
    was = '' if saved in (None, now) else f' instead of {_format(saved)}'
    return [
        'its schedule counts as if it had from the first step, and '
        f'{rate} is now {_format(now)}{was}'
    ]


def _keep_reductions(track: Track, names: set[str]) -> None:
    """Reduce the rates of the groups as much as those of the checkpoint were."""
    for group, saved in zip(track.groups, track.saved_groups):
        for name in names:
            initial = saved.get(f'initial_{name}')
            if initial:
                group[name] = group[f'initial_{name}'] * (saved[name] / initial)


def _build_track(
    runner: Runner, checkpoint: Mapping, name: str | None, wrapper: OptimWrapper
) -> Track:
    def select(parts: Any) -> Any:
        return parts.get(name) if name and isinstance(parts, Mapping) else parts

    state = select(checkpoint.get('optimizer')) or {}
    saved_groups = list(state.get('param_groups', []))
    if state.get('base_param_settings') is not None:
        saved_groups.append(state['base_param_settings'])
    return Track(
        wrapper.param_groups,
        list(select(runner.param_schedulers) or []),
        saved_groups,
        list(select(checkpoint.get('param_schedulers')) or []),
    )


def _list_wrappers(runner: Runner) -> Iterator[tuple[str | None, OptimWrapper]]:
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapperDict):
        yield from wrapper.items()
    else:
        yield None, wrapper


def _store(checkpoint: dict, name: str | None, states: list[dict]) -> None:
    if name is None:
        checkpoint['param_schedulers'] = states
    else:
        checkpoint['param_schedulers'] = dict(
            checkpoint.get('param_schedulers') or {}, **{name: states}
        )


def drop_functions(state: Mapping) -> dict:
    """The state of a scheduler without functions, which are no part of a checkpoint."""
    return {key: value for key, value in state.items() if not callable(value)}


def _read_built(state: Mapping) -> dict:
    """What a scheduler was built with."""
    counted = {*_COUNTED, *_REMEMBERED}
    return {k: v for k, v in drop_functions(state).items() if k not in counted}


def _without_parameters(group: Mapping) -> dict:
    return {key: value for key, value in group.items() if key != 'params'}


def _is_like(before: Any, settings: Sequence[Sequence[Mapping]]) -> bool:
    """Whether what a checkpoint says are settings of as many groups."""
    return (
        isinstance(before, list)
        and all(isinstance(groups, list) for groups in before)
        and [len(groups) for groups in before] == [len(groups) for groups in settings]
        and all(isinstance(group, Mapping) for groups in before for group in groups)
    )


def _format(value: Any) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)
