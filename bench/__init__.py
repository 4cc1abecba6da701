"""What hooklog reaches on this machine, beside what the machine itself reaches."""
