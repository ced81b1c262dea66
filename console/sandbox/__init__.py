"""The embedded world: real sockets and files, no room of the console."""
