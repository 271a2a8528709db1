"""Models side by side: their time, their memory and what they keep for backward."""
