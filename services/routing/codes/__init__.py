"""Feature codes: what a dialled string means (matching), what it does (doing) and what is said to it (saying)."""
