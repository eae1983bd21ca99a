# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""nginx as a backend that costs little, for tests under load."""

import os
import shutil
import signal
import subprocess
import tempfile

import procfs
from harness import can_connect, free_port, wait_until

CONF = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors.log crit;
events {{ worker_connections 2048; }}
http {{ access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ {answer} }} }} }}
"""


class Nginx:
    """One that gives every request the same page: a line, or so many bytes."""

    def __init__(self, page_bytes=0):
        self.folder, self.port = tempfile.mkdtemp(prefix="rsp-test-nginx-"), free_port()
        self.address = f"127.0.0.1:{self.port}"
        os.chmod(self.folder, 0o755)
        answer = 'return 200 "a page\\n";'
        if page_bytes:
            answer = f"root {self.folder}; error_page 405 =200 /page; rewrite ^ /page break;"
            with open(os.path.join(self.folder, "page"), "w", encoding="ascii") as f:
                f.write("x" * page_bytes)
        with open(os.path.join(self.folder, "nginx.conf"), "w", encoding="ascii") as f:
            f.write(CONF.format(folder=self.folder, port=self.port, answer=answer))
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-c", os.path.join(self.folder, "nginx.conf")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: can_connect(self.port), 10, "nginx")

    def kill(self):
        for pid in procfs.descendants(self.process.pid) + [self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
