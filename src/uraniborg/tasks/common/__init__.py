"""What several tasks share between `lsst.images` and the pure functions of `algorithms`."""
