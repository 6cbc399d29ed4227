"""Softanswer: the running service. It reads, answers, flags and learns; it never imports torch."""
