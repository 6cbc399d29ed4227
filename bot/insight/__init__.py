"""What the bot tells its team about itself and their customers."""
