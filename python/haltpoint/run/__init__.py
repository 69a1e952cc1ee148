"""Runs: their status, what they wait for, and what they give back."""
