"""Retrieval finds a hundred products for a shopper; the second stage puts them in order."""
