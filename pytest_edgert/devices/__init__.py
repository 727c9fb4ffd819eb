"""What a device is: profiles, and what this machine says of itself."""
