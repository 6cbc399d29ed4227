"""What the bot speaks of: frozen dataclasses, one module a subject."""
