"""The energy of an inference: on this machine by codecarbon (`host`), on a board by a power meter (`meter`)."""
