"""Sending: what is composed, queued, handed over and filed."""
