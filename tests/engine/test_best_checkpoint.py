"""Which checkpoint is kept as the best one."""

import pytest

from .tiny_training import TinyMetric, build_tiny_runner, tiny_config


@pytest.mark.parametrize(
    'scores, best',
    [([-1, -1], []), ([-1, 0.0], [4]), ([0.2, -1], [2]), ([float('nan'), 0.1], [4])],
)
def test_a_model_without_a_score_is_not_the_best(tmp_path, monkeypatch, scores, best):
    values = iter(scores)
    monkeypatch.setattr(
        TinyMetric, 'compute_metrics', lambda self, _: {'bbox_mAP_s': next(values)}
    )
    cfg = tiny_config(tmp_path, length=4, interval=2)
    cfg.val_evaluator.prefix = 'coco'
    cfg.default_hooks.checkpoint.save_best = 'coco/bbox_mAP_s'
    cfg.default_hooks.checkpoint.rule = 'greater'
    build_tiny_runner(cfg).train()
    assert [one.name for one in tmp_path.glob('best_*')] == [
        f'best_coco_bbox_mAP_s_iter_{step}.pth' for step in best
    ]
