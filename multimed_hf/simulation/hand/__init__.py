"""The hand of a child and the maturity of its bones."""
