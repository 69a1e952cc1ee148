"""What is promised when processes die, stop, fork or get in each other's way."""
