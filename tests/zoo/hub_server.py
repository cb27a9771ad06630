"""A Hugging Face Hub on loopback, as far as `huggingface_hub` speaks to it.

It makes repositories, takes commits (small files in them, large ones before
them, as LFS), says which files a revision has, and serves them, with ETags,
commits and ranges. What it is asked is in `requests`; `faults` makes it fail.
"""

import base64
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

TOKEN = "hf_of_user"
_LARGE = re.compile(r".*\.(h5|keras|npz)")
_API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/(\w+)/([^?]+))?(?:\?.*)?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Hub(http.server.ThreadingHTTPServer):
    """The repositories, and what went on.

    `repositories` has the commits of each name: pairs of an identifier and a
    dictionary from names of files to bytes.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories = {}
        self.private = set()
        self.stored = {}
        self.requests = []
        # Pairs of a pattern of "METHOD path" and a status, or the bytes after
        # which the connection ends.
        self.faults = []
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def commit(self, name, files):
        """Adds a commit of files to those that are there; its identifier."""
        commits = self.repositories.setdefault(name, [])
        held = {**(commits[-1][1] if commits else {}), **files}
        text = repr((name, len(commits), sorted(held)))
        commits.append((hashlib.sha1(text.encode()).hexdigest(), held))
        return commits[-1][0]

    def files(self, name):
        return self.repositories[name][-1][1]

    def asked(self, pattern):
        return [r for r in self.requests if re.search(pattern, r)]

    def revision(self, name, revision):
        commits = self.repositories[name]
        if revision == "main":
            return commits[-1]
        return next((c for c in commits if c[0] == revision), None)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self._serve()

    do_HEAD = do_POST = do_PUT = do_GET

    def _serve(self):
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length)
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.body = self._chunks()
        asked = f"{self.command} {self.path}"
        ranged = self.headers.get("Range")
        with self.server.lock:
            self.server.requests.append(
                f"{asked} {ranged}" if ranged else asked
            )
            fault = self._fault(asked)
        self.cut = None
        if fault is not None and fault >= 100 and fault < 600:
            return self._answer({"error": "as was asked"}, fault)
        self.cut = fault
        if self.path == "/api/repos/create":
            return self._create()
        if self.path == "/api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        if self.path.endswith("/info/lfs/objects/batch"):
            return self._batch()
        if self.path.startswith("/stored/"):
            return self._store()
        if match := _FILE.fullmatch(urllib.parse.unquote(self.path)):
            return self._file(*match.groups())
        if match := _API.fullmatch(urllib.parse.unquote(self.path)):
            return self._model(*match.groups())
        return self._answer({"error": "unknown"}, 404)

    def _chunks(self):
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _fault(self, asked):
        for index, (pattern, fault, *times) in enumerate(self.server.faults):
            if re.search(pattern, asked):
                if times and times[0] <= 1:
                    del self.server.faults[index]
                elif times:
                    self.server.faults[index] = (pattern, fault, times[0] - 1)
                return fault
        return None

    # Answers

    def _answer(self, value, status=200, **headers):
        content = json.dumps(value).encode()
        self._send(content, status, {"Content-Type": "application/json"})

    def _send(self, content, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.cut is not None and self.cut < len(content):
            self.wfile.write(content[: self.cut])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(content)

    def _missing(self, code, status=404):
        headers = {"X-Error-Code": code, "Content-Type": "application/json"}
        self._send(json.dumps({"error": code}).encode(), status, headers)

    # What is asked

    @property
    def _is_user(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _is_open(self, name):
        """Whether a repository is there for the one who asks."""
        repositories = self.server.repositories
        is_open = name in repositories and (
            name not in self.server.private or self._is_user
        )
        if not is_open:
            self._missing("RepoNotFound", 404 if self._is_user else 401)
        return is_open

    def _create(self):
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if not self._is_user or asked["organization"] != "user":
            return self._answer({"error": "not yours"}, 403)
        if name in self.server.repositories:
            return self._answer({"error": "there", "url": self._url(name)}, 409)
        self.server.commit(name, {".gitattributes": b"*.h5 filter=lfs"})
        return self._answer({"url": self._url(name)})

    def _url(self, name):
        return f"{self.server.url}/{name}"

    def _model(self, name, action, revision):
        if not self._is_open(name):
            return None
        if action == "preupload":
            return self._preupload()
        if action == "commit":
            return self._commit(name)
        found = self.server.revision(name, revision or "main")
        if found is None:
            return self._missing("RevisionNotFound")
        siblings = [{"rfilename": file} for file in found[1]]
        return self._answer({"id": name, "sha": found[0], "siblings": siblings})

    def _preupload(self):
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs"
                if _LARGE.fullmatch(file["path"])
                else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        self._answer({"files": files})

    def _batch(self):
        objects = [
            {
                **wanted,
                "actions": {
                    "upload": {
                        "href": f"{self.server.url}/stored/{wanted['oid']}"
                    }
                },
            }
            for wanted in json.loads(self.body)["objects"]
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def _store(self):
        oid = self.path.rpartition("/")[2]
        if self.command == "PUT":
            if hashlib.sha256(self.body).hexdigest() != oid:
                return self._answer({"error": "other bytes"}, 400)
            self.server.stored[oid] = self.body
            return self._answer({})
        return self._bytes(self.server.stored[oid], {})

    def _commit(self, name):
        if not self._is_user:
            return self._answer({"error": "not yours"}, 403)
        files = {}
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.server.stored[value["oid"]]
        sha = self.server.commit(name, files)
        url = f"{self._url(name)}/commit/{sha}"
        return self._answer({"commitUrl": url, "commitOid": sha})

    def _file(self, name, revision, file):
        if not self._is_open(name):
            return None
        found = self.server.revision(name, revision)
        if found is None:
            return self._missing("RevisionNotFound")
        if file not in found[1]:
            return self._missing("EntryNotFound")
        content = found[1][file]
        digest = hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": found[0], "ETag": f'"{digest}"'}
        return self._bytes(content, headers)

    def _bytes(self, content, headers):
        headers = {**headers, "Accept-Ranges": "bytes"}
        ranged = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if not ranged:
            return self._send(content, 200, headers)
        start, size = int(ranged[1]), len(content)
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        return self._send(content[start:], 206, headers)
