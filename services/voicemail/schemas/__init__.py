"""What travels over HTTP: the shapes and limits of requests and answers."""
