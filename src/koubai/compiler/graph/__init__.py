"""What is done to the graph of ops before it is lowered: it is made smaller, and convolutions get their layout."""
