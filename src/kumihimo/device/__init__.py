"""Floor: 端末層, any device of any protocol, managed for its whole life."""
