"""Records into words, tables and files; reads records only."""
