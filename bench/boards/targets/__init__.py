"""The boards that can be asked for by name, one .yaml each: what they are, not how fast they are."""
