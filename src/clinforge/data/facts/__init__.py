"""Facts of any graph in one shape, and what is drawn from them.

`edges` turns the built-in graphs and a user's facts into edges with a role; `index` finds them by subject and by
object; `names` finds a disease in every graph by any of its names; `pictures` draws cases of a disease.
"""
