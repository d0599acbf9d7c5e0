"""The generated reference pages: commands by Typer's generator, the Python API by griffe2md."""
