"""Semantic conventions -> what people read."""
