"""``python -m worker``."""

from holdfast_client.terminal.ending import end_quietly_on_interrupt

if __name__ == "__main__":
    end_quietly_on_interrupt()
    from worker.commands import main

    main()
