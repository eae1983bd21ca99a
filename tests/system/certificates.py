# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, by the openssl command, made when they are needed."""

import os
import subprocess


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, **options).stdout


def make(folder, name, key="ec", days=30, file_name=None, extra_names=()):
    """Self-signed, key and certificate in one file: folder/NAME.pem. Returns its path."""
    path = os.path.join(folder, (file_name or name.replace("*", "_")) + ".pem")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", "rsa:2048"]
    names = ",".join(f"DNS:{n}" for n in (name, *extra_names)) + ",IP:127.0.0.1"
    key_file, cert_file = path + ".key.part", path + ".crt.part"
    openssl("req", "-x509", *kind, "-noenc", "-keyout", key_file, "-out", cert_file, "-days", str(days), "-sha256",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}",
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth")
    join(path, key_file, cert_file)
    return path


class Authority:
    """A CA with its key in files of a folder; without an issuer: a root. issue() gives one below it, CA or not."""

    def __init__(self, folder, name="Test Root", issuer=None, is_ca=True, key="ec", digest="sha256", days=30, names=None):
        self.folder, self.name, self.issuer = folder, name, issuer
        stem = os.path.join(folder, name.replace(" ", "_").replace("*", "_"))
        while os.path.exists(stem + ".crt"):
            stem += "_"
        self.cert_file, self.key_file = stem + ".crt", stem + ".key"
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else ["-newkey", key]
        signer = ["-CA", issuer.cert_file, "-CAkey", issuer.key_file] if issuer else []
        use = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"] if is_ca else [
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
            "-addext", "subjectAltName=" + (names or f"DNS:{name},IP:127.0.0.1")]
        openssl("req", "-x509", *kind, *signer, "-noenc", "-keyout", self.key_file, "-out", self.cert_file, "-days", str(days), f"-{digest}",
                "-subj", f"/CN={name}", *use)

    def issue(self, name, is_ca=False, **options):
        return Authority(self.folder, name, issuer=self, is_ca=is_ca, **options)

    def pem(self):
        with open(self.cert_file, encoding="ascii") as f:
            return f.read()

    def key_pem(self):
        with open(self.key_file, encoding="ascii") as f:
            return f.read()

    def der(self):
        return openssl("x509", "-in", self.cert_file, "-outform", "der")


def write(path, *parts):
    """Certificates one after the other; where one is a str it is written as it is. Returns the path."""
    with open(path, "w", encoding="ascii") as out:
        for part in parts:
            out.write(part if isinstance(part, str) else part.pem())
    return path


def join(path, *parts):
    """Written beside and renamed: who reads path sees all of it or what was there before."""
    with open(path + ".new", "wb") as out:
        for part in parts:
            with open(part, "rb") as f:
                out.write(f.read())
            os.unlink(part)
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)


def with_wrong_key(folder, name):
    """A certificate beside a key that is not its own."""
    path, other = make(folder, name), make(folder, name, file_name="other-key")
    with open(path, encoding="ascii") as f:
        certificate = f.read().partition("-----BEGIN CERTIFICATE")
    with open(other, encoding="ascii") as f:
        key = f.read().partition("-----BEGIN CERTIFICATE")[0]
    os.unlink(other)
    with open(path, "w", encoding="ascii") as f:
        f.write(key + certificate[1] + certificate[2])
    return path


def fingerprint(pem_file):
    return openssl("x509", "-in", pem_file, "-noout", "-fingerprint", "-sha256").decode().strip()


def public_key_pin(pem_file):
    """SHA-256 of the public key in base64, as Chromium's --ignore-certificate-errors-spki-list takes it."""
    public = openssl("x509", "-in", pem_file, "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "der", input=public)
    return openssl("base64", "-A", input=openssl("dgst", "-sha256", "-binary", input=der)).decode().strip()
