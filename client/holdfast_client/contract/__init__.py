"""What client and server both know: names, fields, messages, answers, errors.

Pure, and all of the client that the server may import.
"""
