"""The whole configuration of a handset, as it fetches it itself (X5)."""
