"""`python -m ilscaling` is `ilscaling`."""

from ilscaling.cli.main import main

main()
