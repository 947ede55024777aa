"""Container output: which file, from which byte on, with which times, and what comes later."""
