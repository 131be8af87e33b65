"""Doors to other libraries; each is imported when it is first asked for."""
