"""The same questions on other machines: emulated boards, real ones over ssh, and estimates of milliseconds."""
