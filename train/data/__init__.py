"""From the prepared file to a batch: which sound, where it lies, what is changed at random."""
