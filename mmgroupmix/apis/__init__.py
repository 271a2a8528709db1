"""The commands of the package: train, test, infer and draw_attention."""
