"""What people see: figures, tables, the report, and the words in them."""
