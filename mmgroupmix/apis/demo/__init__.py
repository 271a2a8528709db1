"""``--demo``: any config, checked on generated data within minutes."""
