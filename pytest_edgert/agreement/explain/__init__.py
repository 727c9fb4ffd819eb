"""Why an output differs: known ways to be wrong, each tried on the output and its reference, the best ones told.

One file per family; a function takes the evidence and gives an explanation with its figures, or None. `ranking` asks
all of them, `words` turns figures into sentences.
"""
