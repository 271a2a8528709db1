"""Every class its own category of a file in COCO's format, whatever the order.

Reason: mmdet numbers classes by the order of the categories in the annotation file, and
names them by the order of ``metainfo.classes``. Where the two differ, between the config
and a file or between the files of training and validation, boxes get the name of another
class, and a category that is not in the file moves all classes after it.

Remove when ``COCO.get_cat_ids`` of mmdet returns the ids in the order of the names.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from .after_import import call_after_import

#: Tables of a COCO evaluation whose third axis is the category.
TABLES = ('precision', 'scores')
_reported: set[tuple] = set()


def match_categories_by_name() -> None:
    """Let mmdet's datasets and metrics find categories by name, once it is imported."""
    call_after_import('mmdet.datasets.api_wrappers.coco_api', _replace_lookup)
    call_after_import('mmdet.evaluation.metrics.coco_metric', _replace_evaluation)


def order_category_ids(
    names: Sequence[str],
    categories: Iterable[Mapping],
    is_annotated: Callable[[Any], bool],
) -> list | None:
    """The id of the category of each name, in the order of the names.

    Args:
        names (Sequence[str]): Names of classes.
        categories (Iterable[Mapping]): Those of a file.
        is_annotated (Callable): Whether a category, by its id, has annotations. It
            decides between categories of the same name.

    Returns:
        list | None: An id for each name, an unused one where the file has no category of
        that name; None if there is none for any of the names, or two with annotations
        for the same.
    """
    by_name: dict[str, list] = {}
    for category in categories:
        by_name.setdefault(str(category['name']), []).append(category['id'])
    taken = {number for numbers in by_name.values() for number in numbers}
    ids: list = []
    for name in names:
        found = by_name.get(str(name), [])  # 3 and '3' are one name
        if len(found) > 1:
            found = [number for number in found if is_annotated(number)] or found[:1]
        if len(found) > 1:
            return None
        ids.append(found[0] if found else _unused_id(taken, ids))
    return ids if taken.intersection(ids) else None


def _unused_id(taken: set, used: list) -> Any:
    """An id for a class that has no category; the metric sorts ids of one type."""
    if any(isinstance(number, str) for number in taken):
        return next(f'absent {i}' for i in range(len(used) + 1) if f'absent {i}' not in (
            *taken, *used
        ))  # fmt: skip
    return min([0, *taken, *used]) - 1


def _replace_lookup(module: ModuleType) -> None:
    coco = module.COCO
    original = coco.get_cat_ids

    def get_cat_ids(
        self: Any, cat_names: Any = (), sup_names: Any = (), cat_ids: Any = ()
    ) -> list:
        """The ids of categories, for names in the order of the names."""
        listed = original(self, cat_names, sup_names, cat_ids)
        if not isinstance(cat_names, (list, tuple)) or not cat_names or (
            len(sup_names) or len(cat_ids)
        ):  # fmt: skip
            return listed
        ids = order_category_ids(
            cat_names,
            self.dataset['categories'],
            lambda number: self.cat_img_map.get(number),
        )
        if ids is None:
            return listed
        if ids != listed:
            _report(cat_names, ids, self.cats)
        for name, number in zip(cat_names, ids):
            self.cats.setdefault(number, dict(id=number, name=name))
        return ids

    coco.get_cat_ids = get_cat_ids


def _report(names: Sequence[str], ids: Sequence, known: Mapping) -> None:
    """Say once which category each class has."""
    from mmengine.logging import print_log

    key = tuple(names), tuple(ids)
    if key in _reported:
        return
    _reported.add(key)
    pairs = ', '.join(
        f'{name} {number if number in known else "(none)"}'
        for name, number in zip(names, ids)
    )
    print_log(
        f'classes and their category ids: {pairs}. The annotation file lists its '
        'categories otherwise, and mmdet alone would number the classes as the file '
        'does: to test a checkpoint that was trained so, list metainfo.classes in the '
        'order of the file.',
        'current',
        30,
    )


def _replace_evaluation(module: ModuleType) -> None:
    for name in ('COCOeval', 'COCOevalMP'):
        setattr(module, name, keep_category_order(getattr(module, name)))


def keep_category_order(evaluation: Any) -> Any:
    """A class of ``COCOeval`` whose tables have the categories in the order asked for.

    pycocotools sorts the ids, and ``CocoMetric(classwise=True)`` expects the order that
    it gave.

    Args:
        evaluation (type): ``COCOeval``, or a class derived from it.

    Returns:
        type: The class to use instead.
    """

    class OrderedEvaluation(evaluation):
        def evaluate(self) -> None:
            self.given_ids = list(self.params.catIds)
            super().evaluate()

        def accumulate(self, p: Any = None) -> None:
            super().accumulate(p)
            given = getattr(self, 'given_ids', [])
            sorted_ids = list((p or self.params).catIds)
            if not self.params.useCats or len(given) != len(sorted_ids):
                return
            order = [sorted_ids.index(number) for number in given]
            for table in TABLES:
                self.eval[table] = self.eval[table][:, :, order]
            self.eval['recall'] = self.eval['recall'][:, order]

    OrderedEvaluation.__name__ = evaluation.__name__
    return OrderedEvaluation
