"""What the Python programs that a patched one starts read at their start.

The folder is the first entry of PYTHONPATH there, see ``gymreel.patch(children=True)``. Nothing in
it imports the rest of gymreel, which takes a while, before it is clear that it will be needed.
"""
