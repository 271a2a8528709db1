"""Layers and tensor functions that token mixers and blocks share."""
