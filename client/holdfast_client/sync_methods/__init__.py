# Made of methods/__init__.py by `make sync`: change that file.
"""The client's methods, each written once: what they take, ask, answer and raise.

A method checks its arguments, asks a question over its transport, and reads the answer. Code
without an event loop has the same in ``sync_methods``, which ``make sync`` makes of ``methods``.
"""
