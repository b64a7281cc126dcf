"""What a camera is like, measured from its calibration exposures: arrays in, frozen results out."""
