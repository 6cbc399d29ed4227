"""What an operator runs: starting, serving, checking, setting up."""
