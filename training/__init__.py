"""Learning: from corpus and corrections to a version folder. Runs in a process of its own: `python -m training`."""
