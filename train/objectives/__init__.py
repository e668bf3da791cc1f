"""What training minimises: the losses of labels, of teachers and of devices, each in one file."""
