"""TLS in front of the proxy, with a certificate of its own and a client certificate asked for."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.conftest import program
from tests.kubernetes.proxy import Proxy


class TlsFront:
    """Terminates TLS and passes the bytes on to the proxy; the client must show the certificate of this front."""

    def __init__(self, proxy: Proxy, folder: Path) -> None:
        self._proxy = proxy
        self._folder = folder
        self._key, self._certificate = folder / "key.pem", folder / "cert.pem"
        command = [program("openssl"), "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", str(self._key), "-out", str(self._certificate)]
        subprocess.run(command, check=True, capture_output=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self._certificate, self._key)
        self._context.load_verify_locations(self._certificate)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def kubeconfig(self, *, trusted: bool = True, with_certificate: bool = True) -> Path:
        """A kubeconfig that carries the certificates in itself."""
        certificate = base64.b64encode(self._certificate.read_bytes()).decode()
        key = base64.b64encode(self._key.read_bytes()).decode()
        cluster: dict[str, Any] = {"server": self.url}
        if trusted:
            cluster["certificate-authority-data"] = certificate
        user = {"client-certificate-data": certificate, "client-key-data": key} if with_certificate else {}
        config = {
            "current-context": "tls",
            "contexts": [{"name": "tls", "context": {"cluster": "tls", "user": "tls"}}],
            "clusters": [{"name": "tls", "cluster": cluster}],
            "users": [{"name": "tls", "user": user}],
        }
        path = self._folder / "tls.kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def cut(self) -> None:
        """Drop every connection without TLS's own word of parting."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                self._open.append(plain)
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        copy = socket.socket(fileno=socket.dup(plain.fileno()))
        self._open.append(copy)
        with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as client:
            upstream = socket.create_connection(("127.0.0.1", self._proxy.server.server_port))
            back = threading.Thread(target=self._pass_on, args=(upstream, client, copy), daemon=True)
            back.start()
            self._pass_on(client, upstream, upstream)
            back.join()
            upstream.close()

    def _pass_on(self, origin: socket.socket, to: socket.socket, ends: socket.socket) -> None:
        with suppress(OSError):
            while data := origin.recv(65536):
                to.sendall(data)
        with suppress(OSError):
            ends.shutdown(socket.SHUT_RDWR)
