"""What one worker does with a session: infer, warm up, sample, stop."""
