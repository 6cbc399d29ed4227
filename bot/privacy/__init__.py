"""What is erased, when, and what is taken out of words that stay."""
