"""Imported first by every tool: this checkout works uninstalled, before another copy."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
