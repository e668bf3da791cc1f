"""From counted instructions to the milliseconds that a real board may take. No board was ever at hand here."""
