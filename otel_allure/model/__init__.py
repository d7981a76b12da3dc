"""What all parts speak of: span attributes, spans, outcomes, settings, times, problems."""
