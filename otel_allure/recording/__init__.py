"""What runs -> spans: a step is a span, and the context knows which one runs."""
