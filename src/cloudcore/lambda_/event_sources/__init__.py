"""Event source mappings: functions that are called with what a stream holds."""
