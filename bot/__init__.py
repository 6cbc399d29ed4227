"""Softanswer, the running service. It reads, answers, flags and learns. It never imports torch."""
