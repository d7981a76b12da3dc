"""A test asks for its own trace: what it selects, expects, waits for, and what it is told."""
