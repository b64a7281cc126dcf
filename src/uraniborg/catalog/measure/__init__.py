"""How fast and how right the catalogue is, measured on a patch of sky of our own making."""
