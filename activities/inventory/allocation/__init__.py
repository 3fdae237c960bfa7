"""Who gets what: the one rule, pure. Wants and locked stock go in, picks or shortfalls come out."""
