"""What a practitioner goes through before a training and when one is stuck; reviews, never findings."""
