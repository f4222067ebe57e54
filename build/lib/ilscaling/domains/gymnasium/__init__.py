"""Games of extensions, as Gymnasium environments."""
