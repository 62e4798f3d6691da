"""Numbers that everything agrees on."""

RATE_HZ = 8000  # sampling rate of every prepared clip (section 3.1)
PCM_PEAK = 32767  # full scale of stored 16-bit samples
