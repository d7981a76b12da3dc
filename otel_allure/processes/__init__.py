"""Child processes: where they belong, and how their spans get to the report."""
