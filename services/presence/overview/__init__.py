"""What an operator wants to see at a glance (X2): calls, handsets, queues, mails, errors, and how all parts are."""
