"""What a record's life is made of, as plain values: nothing here opens a file, a socket or a clock."""
