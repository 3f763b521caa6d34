"""Node graphs, launch files, the h2s2r command and the report."""
