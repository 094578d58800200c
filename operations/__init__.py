"""What `make` runs: from a bare machine to a running, tested suite, and back down again."""
