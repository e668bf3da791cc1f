"""Commands: write a submission (`python -m bench.submission`), check files of others (`bench.submission.validate`)."""
