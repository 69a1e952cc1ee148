"""Event loops, threads, forks and time limits: where and when code runs. Knows nothing of runs."""
