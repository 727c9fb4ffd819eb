"""How pytest meets the harness: options, markers, fixtures, the built-in gate and its reports."""
