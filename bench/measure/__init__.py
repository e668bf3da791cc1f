"""What is asked of a file on this machine: accuracy, compliance, latency, memory, energy, and what its graph costs."""
