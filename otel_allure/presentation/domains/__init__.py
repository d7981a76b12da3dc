"""Rules of presentation, a file for each domain of the semantic conventions."""
