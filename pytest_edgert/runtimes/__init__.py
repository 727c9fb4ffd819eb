"""One file per inference engine, and the registry that finds them."""
