"""DS-Net: gates choose a width for each image."""
