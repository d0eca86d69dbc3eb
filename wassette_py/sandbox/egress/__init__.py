"""Where granted HTTP requests leave: a proxy on loopback that dials the address it has judged, for the call that holds the ticket.

`egress.py` is the face; nothing here decides which URLs are granted (`policy/matching.py`), only which addresses a granted name may be.
"""
