"""The camera of raw simulations: sensors, read-out electronics, and every effect with its truth.

Import from the modules: the configuration of a survey needs `config`, and the others need the configuration.
"""
