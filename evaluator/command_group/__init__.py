"""The commands of several modules as one program, each built when it is called.

**Entry**: a command's name, the sentence about it, and the panel that lists it in the help.

Order of reading: ``entries``, ``plugins``, ``front_page``.
"""
