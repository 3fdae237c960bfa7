"""How fast Holdfast is, measured on embedded servers of its own."""
