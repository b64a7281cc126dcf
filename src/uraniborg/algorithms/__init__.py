"""Pure functions and kernels: arrays in, arrays or frozen results out."""
