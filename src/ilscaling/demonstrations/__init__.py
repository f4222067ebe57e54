"""Expert play becomes demonstrations: recordings, Atari's or NetHack's, then one store of them.

Nothing is imported here: who reads recorded games of NetHack needs neither Atari nor PyTorch, and
their key does not depend on the code of either.
"""
