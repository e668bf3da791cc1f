"""From the ATen graph of a network: the walk, and the rules for what is no operation of its own."""
