"""Runtimes that are programs of their own: the Lambda Runtime API, and what this machine can run."""
