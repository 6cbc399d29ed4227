"""Slack's side: listeners that hand over, blocks that show, and the outbox worker, the only writer to Slack."""
