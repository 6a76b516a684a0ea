"""What an operator can ask of a platform, the same over the socket and on files that nobody has open."""
