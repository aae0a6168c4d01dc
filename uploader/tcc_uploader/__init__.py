"""Uploader."""
