"""What goes over HTTP, as marshmallow schemas."""
