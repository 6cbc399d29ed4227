"""`softanswer demo`: sandbox, bot and the people of Acme. The only part of the bot that knows the sandbox."""
