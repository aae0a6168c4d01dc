"""Deliver spooled records to Observatory, and tell what became of them: see ``docs/architecture.md``."""
