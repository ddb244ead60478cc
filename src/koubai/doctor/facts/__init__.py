"""What the doctor finds out about data, loss, output and layers, by looking and by asking, before it judges."""
