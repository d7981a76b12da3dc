"""Spans -> results: pure, without clock, disk or threads."""
