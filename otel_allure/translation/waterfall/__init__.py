"""The spans of a test -> pictures on a time axis."""
