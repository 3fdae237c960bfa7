"""`make demo`: the whole of Holdfast at work on servers of its own."""

from worker.demo.demonstration import demonstrate

__all__ = ["demonstrate"]
