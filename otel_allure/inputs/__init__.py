"""The public ways in: exporters and processors."""
