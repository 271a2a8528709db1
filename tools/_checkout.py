"""Puts this checkout first on the import path, so that the tools need no installation."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
