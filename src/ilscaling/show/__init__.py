"""What people see: figures, tables, the report, and the words in them."""

import os

# Files are drawn, never windows. Importing matplotlib fails where the environment names a back end
# that is not installed, as that of a notebook that starts a process.
os.environ["MPLBACKEND"] = "agg"
