"""HTTP of this service: settings of a subscriber's calls, and the log of them."""
