"""A report that is being written: records in, files out."""
