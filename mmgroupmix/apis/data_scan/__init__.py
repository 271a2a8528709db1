"""What the data of a run hold: counts, sizes, and what cannot be meant."""

from .rows import SCAN_FILE, DataScan, describe_score, format_scan, write_scan
from .scan import scan_data

__all__ = [
    'SCAN_FILE',
    'DataScan',
    'describe_score',
    'format_scan',
    'scan_data',
    'write_scan',
]
