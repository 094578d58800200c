"""Why a call rings where it rings: the same decision asked for a call that nobody makes, or read from the record."""
