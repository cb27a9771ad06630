"""Supernets that others have published, read from their files."""
