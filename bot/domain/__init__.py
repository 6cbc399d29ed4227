"""The bot's data types: frozen dataclasses, one module per subject."""
