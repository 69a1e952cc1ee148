"""Decisions on requirements: parsed, checked, committed."""
