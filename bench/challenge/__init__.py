"""DCASE's forms: ranks of a year, and what is handed in. Nothing else imports this wing."""
