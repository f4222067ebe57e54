"""`python -m ilscaling` is `ilscaling`."""

from ilscaling.cli import main

main()
