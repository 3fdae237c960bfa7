"""What both command lines share, ``holdfast`` and ``python -m worker``: how they read and show.

Tables, durations, times, colours, exit codes, CSV and the way a command begins and ends. Nothing
here knows Temporal or a database; what is pure needs neither typer nor rich.
"""
