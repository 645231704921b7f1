"""Sending alerts to people: webhooks, Slack and e-mail."""
