"""Mappers: turn a document and its files into an upload."""
