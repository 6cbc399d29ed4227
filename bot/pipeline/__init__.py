"""What happens to a message: gate, classify, decide, commit."""
