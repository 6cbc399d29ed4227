"""`softanswer demo`: the sandbox, the bot and the people of Acme. Only this part of the bot imports the sandbox."""
