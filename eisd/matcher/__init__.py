"""Header facts and contacts in, a decision out: pure, without I/O and without a clock.

The rules are those of docs/reference/matching.md, named by their numbers.
"""
