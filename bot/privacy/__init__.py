"""What is erased and when, and how the texts that stay are redacted."""
