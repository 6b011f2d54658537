"""A day in the province: the seeded generator of realistic logs. Pure. Start reading at ``day.py``."""
