"""Recipes: the settings of a config that move results, and where they come from."""
