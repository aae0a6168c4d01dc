"""Post requests again that an official package sent: ``python post_requests.py FILE PATH``, to ``TCC_BASE_URL``.

For packages that no registry has: they were built from their repository once, and what they sent was kept.
"""

import json
import os
import sys
import urllib.request
from base64 import b64decode
from pathlib import Path

for each in json.loads(Path(sys.argv[1]).read_text()):
    if each["path"] == sys.argv[2]:
        headers = {name: value for name, value in each["headers"] if name.lower() in {"content-type", "user-agent"}}
        url = os.environ["TCC_BASE_URL"] + each["path"]
        urllib.request.urlopen(urllib.request.Request(url, b64decode(each["body_base64"]), headers)).close()
