"""The event socket: bytes -> wire -> events, commands -> wire -> bytes, and who keeps the line up."""
