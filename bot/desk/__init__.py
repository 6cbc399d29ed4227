"""What agents do with a case, as pure rules."""
