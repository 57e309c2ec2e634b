"""Answers the kubelet's probes: /healthz, and /ready once it is a member."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve(port: int, ready):
    class Probe(BaseHTTPRequestHandler):
        def do_GET(self):
            good = self.path == "/healthz" or (self.path == "/ready" and ready())
            text = b"" if good else b"not a member of the group yet\n"
            self.send_response(200 if good else 503)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("", port), Probe)
    threading.Thread(target=server.serve_forever, daemon=True).start()
