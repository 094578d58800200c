"""What the four services have in common. Imports no service; only shared.esl imports greenswitch."""
