"""The way of a message: gate, classify, decide, commit."""
