"""Command guard and robot drivers."""
