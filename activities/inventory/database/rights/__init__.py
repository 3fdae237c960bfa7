"""What the roles of workers and of readers may do, and the settings that they carry."""
