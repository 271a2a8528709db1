"""Predictions drawn on their images, by the toolboxes' own visualisers."""

from pathlib import Path

import cv2
import mmcv
import numpy as np
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement

from ...errors import UserError
from .prediction_files import TOP_K
from .sources import Frame

# Frames a second that are believed; of videos that say something else, the default.
FPS = (1, 240)
DEFAULT_FPS = 25
# Others become PNG files.
OUTPUT_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')
# Classes and scores are written on the image: on a small one they would not fit.
SHORTEST_SIDE = 320
LONGEST_SIDE = 2000


def draw(
    task: str,
    inferencer: BaseInferencer,
    picture: Frame,
    prediction: BaseDataElement,
    score_thr: float,
) -> np.ndarray:
    """Draw boxes and masks, the label map, or the best classes.

    Args:
        task (str): 'seg', 'det' or 'cls'.
        inferencer (BaseInferencer): That of the task.
        picture (Frame): The image.
        prediction (BaseDataElement): What the model says about it.
        score_thr (float): Boxes with a lower score are not drawn.

    Returns:
        np.ndarray: RGB, (H, W, 3), uint8.
    """
    image = np.ascontiguousarray(picture.image[..., ::-1])
    if task == 'cls':
        return _with_best_classes(inferencer, image, prediction)
    # mmseg's own opacity of 0.8 leaves little of the image to see.
    options = dict(opacity=0.5) if task == 'seg' else dict(pred_score_thr=score_thr)
    (overlay,) = inferencer.visualize([image], [prediction], return_vis=True, **options)
    return overlay


def _with_best_classes(
    inferencer: BaseInferencer, image: np.ndarray, prediction: BaseDataElement
) -> np.ndarray:
    if inferencer.visualizer is None:
        from mmpretrain.visualization import UniversalVisualizer

        inferencer.visualizer = UniversalVisualizer()
    scores = prediction.pred_score
    best = scores.topk(min(TOP_K, len(scores))).indices
    shortest, longest = sorted(image.shape[:2])
    enlarge = shortest < SHORTEST_SIDE < LONGEST_SIDE * shortest / longest
    return inferencer.visualizer.visualize_cls(
        image,
        prediction.clone().set_pred_label(best),
        classes=inferencer.classes,
        resize=SHORTEST_SIDE if enlarge else None,
        draw_gt=False,
    )


class OverlayFiles:
    """Overlays under the names of their images; those of a video make a video.

    Args:
        folder (Path): Where to write.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.video, self.source = None, None

    def add(self, picture: Frame, overlay: np.ndarray) -> None:
        """Write an overlay, (H, W, 3), RGB, uint8."""
        overlay = np.ascontiguousarray(overlay[..., ::-1])
        source = picture.source
        if picture.frame is None:
            kept = source.path.suffix.lower() in OUTPUT_SUFFIXES
            name = source.name if kept else f'{source.stem}.png'
            mmcv.imwrite(overlay, str(self.folder / name))
            return
        if self.source != source:
            self.close()
            self._open_video(picture, overlay.shape[1::-1])
        self.video.write(overlay)

    def _open_video(self, picture: Frame, size: tuple[int, int]) -> None:
        path = self.folder / f'{picture.source.stem}.mp4'
        path.parent.mkdir(parents=True, exist_ok=True)
        self.source = picture.source
        fps = picture.fps if FPS[0] <= picture.fps <= FPS[1] else DEFAULT_FPS
        self.video = cv2.VideoWriter(
            str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, size
        )
        if not self.video.isOpened():
            raise UserError(
                f'OpenCV cannot write the video {path}. Give --no-overlays, or take an '
                'OpenCV with FFmpeg (the wheels opencv-python-headless have it).'
            )

    def close(self) -> None:
        """Finish the video that is being written, if any."""
        if self.video is not None:
            self.video.release()
        self.video, self.source = None, None
