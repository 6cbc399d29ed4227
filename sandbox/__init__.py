"""A local Slack: what an app and what a person see of a workspace, on this machine."""
