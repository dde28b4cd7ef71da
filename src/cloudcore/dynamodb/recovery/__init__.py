"""What keeps tables beside the store: backups, restores, and the jobs that make them.

docs/internals/backup.md has the files.
"""
