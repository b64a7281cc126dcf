"""What data are: PSF models, sky map, masks, table schemas and geometry, built on `lsst.images`."""
