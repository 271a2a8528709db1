"""Pictures of the attention of models."""
