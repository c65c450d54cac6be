"""Signing in to providers by OAuth: the keeping of tokens, the sign-in itself, invitations."""
