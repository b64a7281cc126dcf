"""How each storage class is written to and read from files; nothing is pickled."""
