"""Schedules: functions that are called at times."""
