"""The example settings, as package data (installed under the name softanswer_config)."""
