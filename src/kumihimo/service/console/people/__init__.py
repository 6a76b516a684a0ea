"""The pages on which people log in, and look after what they log in with; they stand in the console's shell."""
