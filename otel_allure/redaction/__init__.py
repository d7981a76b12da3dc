"""Secrets -> a mask."""
