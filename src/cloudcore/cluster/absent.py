"""What does not work on a cluster yet is refused with one code."""

CODE = "UnsupportedOperationException"
