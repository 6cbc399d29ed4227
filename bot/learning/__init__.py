"""Learning from corrections: runs, the training process, the schedule."""
