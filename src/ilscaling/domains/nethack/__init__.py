"""NetHack 3.6 by the NetHack Learning Environment (NLE), one key a step."""

from ilscaling.domains.domain import Domain
from ilscaling.domains.nethack.section import NetHack

DOMAIN = Domain("nethack", NetHack, shows="tty_chars", module="ilscaling.domains.nethack.vector")
