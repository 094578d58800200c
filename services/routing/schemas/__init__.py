"""What travels over routing's HTTP."""
