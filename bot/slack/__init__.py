"""Everything that talks to Slack: listeners, Block Kit builders, and the outbox worker, the only writer to Slack."""
