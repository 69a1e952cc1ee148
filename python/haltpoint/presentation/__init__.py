"""What the command line, the inbox page and the JSON API show alike."""
