"""Asking a person at a terminal, requirement by requirement."""
