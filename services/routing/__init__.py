"""Who rings: every decision about a call."""
