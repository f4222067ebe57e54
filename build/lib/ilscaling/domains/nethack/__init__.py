"""NetHack 3.6 by the NetHack Learning Environment (NLE), one key a step."""
