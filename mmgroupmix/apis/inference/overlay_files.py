"""Overlays on disk: images under their own names, videos as videos."""

from pathlib import Path

import cv2
import mmcv
import numpy as np

from ...errors import UserError
from .interruption import remove_if_failed
from .sources import Frame, Source

#: Plausible frame rates, in frames per second; videos with others get the default.
FPS_RANGE = (1, 240)
DEFAULT_FPS = 25.0
#: Images with other suffixes get PNG files as overlays.
OUTPUT_SUFFIXES = ('.jpg', '.jpeg', '.png', '.webp')


class OverlayFiles:
    """Writes overlays under the names of their images; those of a video make a video.

    Args:
        folder (Path): Where to write.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.video: cv2.VideoWriter | None = None
        self.source: Source | None = None

    def add(self, frame: Frame, overlay: np.ndarray) -> None:
        """Write an overlay, (H, W, 3), RGB, uint8."""
        overlay = np.ascontiguousarray(overlay[..., ::-1])
        source = frame.source
        if frame.index is None:
            keeps_name = source.path.suffix.lower() in OUTPUT_SUFFIXES
            name = source.name if keeps_name else f'{source.stem}.png'
            _write_image(self.folder / name, overlay)
            return
        if self.video is None or self.source != source:
            self.close()
            self.video = self._open_video(frame, overlay)
            self.source = source
        self.video.write(overlay)

    def _open_video(self, frame: Frame, overlay: np.ndarray) -> cv2.VideoWriter:
        path = self.folder / f'{frame.source.stem}.mp4'
        path.parent.mkdir(parents=True, exist_ok=True)
        fps = frame.fps or 0
        if not FPS_RANGE[0] <= fps <= FPS_RANGE[1]:
            fps = DEFAULT_FPS
        height, width = overlay.shape[:2]
        codec = cv2.VideoWriter.fourcc(*'mp4v')
        video = cv2.VideoWriter(str(path), codec, fps, (width, height))
        if not video.isOpened():
            raise UserError(
                f'OpenCV cannot write the video {path}. Give --no-overlays, or install '
                'an OpenCV with FFmpeg (the wheels of opencv-python-headless have it).'
            )
        return video

    def close(self) -> None:
        """Finish the video that is being written, if any."""
        if self.video is not None:
            self.video.release()
        self.video, self.source = None, None


def _write_image(path: Path, image: np.ndarray) -> None:
    with remove_if_failed(path):
        if not mmcv.imwrite(image, str(path)):
            raise ValueError(f'OpenCV cannot write a {path.suffix} file of this size')
