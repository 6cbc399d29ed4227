"""Starting, serving, checking, setting up: what an operator runs."""
