"""What runs Holdfast: settings, composition, embedded servers and the operators' commands."""
