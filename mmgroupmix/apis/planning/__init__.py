"""Parts of ``tools/train.py --plan``: what a run needs, computed and measured."""
