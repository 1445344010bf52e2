"""The whole command line, built once for tests that call it in their own process."""

from clm_cli.__main__ import command_line

app = command_line()
