"""HTTP of this service."""
