"""Where the predictor of an InferenceService is reached."""
