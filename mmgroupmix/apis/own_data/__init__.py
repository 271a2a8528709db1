"""``--data``: a folder of the user's own, recognised and turned into a config."""
