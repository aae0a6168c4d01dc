"""Records whatever an official SDK posts: one HTTP server on loopback, for agents in any language.

``tcc-record run -- COMMAND`` and ``tcc-record serve`` start it (``main.py``).  ``server.py`` accepts connections,
``app.py`` answers requests, ``endpoints.py`` says which paths there are.  It may import the recorder, ``tcc_schemas``,
click and the libraries of the extra ``gateway``; the rest of the recorder never imports it.
"""
