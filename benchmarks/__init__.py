"""What a report costs, beside allure-pytest's and others: `make bench`, or `python -m benchmarks`.

Whole processes are measured: CPU, user and system; peak memory; files. The runs of a row take
turns, so that whatever else the machine does hits all of them alike, and of several rounds the
least counts, as nothing makes a run cheaper than it is. Absolute figures depend on the machine; the
ratios are what to look at.
"""
