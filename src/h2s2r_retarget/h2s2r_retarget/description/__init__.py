"""Our robot descriptions as tables of numbers, from which the URDF and the MJCF are written.

`python -m h2s2r_retarget.description` writes the bundled files afresh; a test keeps them equal to the tables.
"""
