"""The audio format of all prepared clips."""

RATE_HZ = 8000  # sampling rate of every prepared clip (section 3.1)
