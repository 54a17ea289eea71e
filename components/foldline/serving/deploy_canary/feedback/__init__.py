"""What became of requests, told later in a table: a business metric, or the labels."""
