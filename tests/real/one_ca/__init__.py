"""The tests that have one puppetserver between them."""
