"""Parsers that turn answers into regions, claims and tagged words."""
