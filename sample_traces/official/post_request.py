"""Post a request again that an official package sent: ``python post_request.py FILE PATH``, to ``TCC_BASE_URL``.

For packages that no registry has: they were built from their repository once, and what they sent was kept.
"""

import json
import os
import sys
import urllib.request
from base64 import b64decode
from pathlib import Path

sent = next(each for each in json.loads(Path(sys.argv[1]).read_text()) if each["path"] == sys.argv[2])
headers = {name: value for name, value in sent["headers"] if name.lower() == "content-type"}
headers["Authorization"] = f"Bearer {os.environ['TCC_API_KEY']}"
url = os.environ["TCC_BASE_URL"] + sent["path"]
urllib.request.urlopen(urllib.request.Request(url, b64decode(sent["body_base64"]), headers)).close()
