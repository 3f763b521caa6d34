"""Objects that ship with the package: meshes with texture, and the code that makes them."""
