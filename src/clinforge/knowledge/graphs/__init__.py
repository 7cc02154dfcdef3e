"""Knowledge graphs, each read straight from the files of an installed package.

`package_files` finds and pins the files; `cmekg`, `hpo` and `healthcare` turn them into typed tables.
"""
