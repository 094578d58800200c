"""Who may do what, and how one shows who one is: log-ins, tokens, forgotten passwords and PINs (X7)."""
