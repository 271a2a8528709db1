"""Durations and sizes as a person reads them."""


def format_duration(seconds: float) -> str:
    """A duration in its two largest units, such as '3 d 4 h' or '1.52 s'."""
    if seconds < 60:
        return f'{seconds:.3g} s'
    minutes = round(seconds / 60)
    if minutes < 60:
        return f'{minutes} min'
    if minutes < 48 * 60:
        return f'{minutes // 60} h {minutes % 60} min'
    hours = round(minutes / 60)
    return f'{hours // 24} d {hours % 24} h'


def format_bytes(number: int) -> str:
    """Bytes as KiB, MiB or GiB."""
    if number < 2**20:
        return f'{number / 2**10:.1f} KiB'
    if number < 2**30:
        return f'{number / 2**20:.1f} MiB'
    return f'{number / 2**30:.1f} GiB'
