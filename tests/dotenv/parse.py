"""Reads a JSON array of dotenv documents on stdin, prints what python-dotenv makes of each.

References stay as they stand (interpolate=False): ours are resolved by the vault, not by the reader.
"""

import io
import json
import logging
import sys
from importlib.metadata import version

from dotenv import dotenv_values

logging.disable(logging.CRITICAL)  # it warns about every line it skips
documents = json.loads(sys.stdin.buffer.read())
# newline=None: line ends as in a file opened for reading.
variables = [dict(dotenv_values(stream=io.StringIO(text, newline=None), interpolate=False)) for text in documents]
print(json.dumps({"version": version("python-dotenv"), "variables": variables}))
