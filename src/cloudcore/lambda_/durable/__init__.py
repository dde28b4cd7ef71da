"""Durable executions: functions that are called again and again until they are done, and remember their
steps."""
