"""From a document and its files to an upload."""
