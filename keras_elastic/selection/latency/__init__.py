"""What an architecture takes on the device of the user, in milliseconds."""
