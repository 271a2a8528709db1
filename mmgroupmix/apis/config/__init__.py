"""Reading, checking and walking configs."""
