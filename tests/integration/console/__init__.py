"""The console in a real browser, over AWS in memory."""
