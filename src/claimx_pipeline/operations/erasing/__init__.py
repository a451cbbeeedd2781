"""Erasure of claims: what is deleted where, and what cannot be."""
