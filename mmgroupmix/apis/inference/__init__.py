"""Images in, prediction files and overlays out."""
