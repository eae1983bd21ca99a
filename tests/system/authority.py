# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""A certification authority for tests, by the openssl command: issues, cross-signs, revokes."""

import os

from certificates import openssl

CONF = """
[ca]
default_ca = here
[here]
database = {folder}/index
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
policy = any
unique_subject = no
copy_extensions = none
default_crl_days = 30
default_md = sha256
[any]
commonName = supplied
organizationName = optional
"""
CA_EXTENSIONS = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
CLIENT_EXTENSIONS = "basicConstraints=CA:FALSE\nextendedKeyUsage={usage}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"


class Authority:
    """One key with one or several certificates; folder/NAME/ holds its files. issuer: None makes a root."""

    def __init__(self, folder, name, issuer=None, digest="sha256", key_of=None):
        self.name, self.folder = name, os.path.join(folder, name.replace(" ", "-") + "-" + digest)
        os.mkdir(self.folder)
        for file, text in (("index", ""), ("serial", "1000\n"), ("crlnumber", "01\n"), ("conf", CONF.format(folder=self.folder))):
            with open(self.path(file), "w", encoding="ascii") as f:
                f.write(text)
        self.key = key_of.key if key_of else make_key(self.path("key.pem"))
        if issuer:
            self.cert = issuer.sign(self.key, name, CA_EXTENSIONS + "authorityKeyIdentifier=keyid\n", self.path("cert.pem"), digest)
        else:
            self.cert = self.path("cert.pem")
            openssl("req", "-x509", "-new", "-key", self.key, "-out", self.cert, "-days", "60", "-" + digest, "-subj", f"/CN={name}",
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, key, name, extensions, out, digest="sha256", begin=None, end=None):
        """A certificate for that key; begin and end: as YYYYMMDDHHMMSSZ."""
        request, file = out + ".csr", out + ".ext"
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        with open(file, "w", encoding="ascii") as f:
            f.write(extensions)
        times = ["-startdate", begin, "-enddate", end] if begin else ["-days", "30"]
        openssl("ca", "-batch", "-notext", "-config", self.path("conf"), "-cert", self.cert, "-keyfile", self.key, "-md", digest,
                "-in", request, "-out", out, "-extfile", file, *times)
        return out

    def client(self, name, usage="clientAuth", names="", chain=(), **options):
        """A file with a client's key, certificate and the chain that it will send (authorities, in that order)."""
        base = self.path(name.replace(" ", "-"))
        key = make_key(base + ".key")
        extensions = CLIENT_EXTENSIONS.format(usage=usage) + (f"subjectAltName={names}\n" if names else "")
        cert = self.sign(key, name, extensions, base + ".crt", **options)
        return join(base + ".pem", key, cert, *(c.cert for c in chain))

    def revoke(self, client_file):
        openssl("ca", "-config", self.path("conf"), "-cert", self.cert, "-keyfile", self.key, "-revoke", client_file[:-4] + ".crt")

    def crl(self, name="crl.pem"):
        openssl("ca", "-gencrl", "-config", self.path("conf"), "-cert", self.cert, "-keyfile", self.key, "-md", "sha256", "-out", self.path(name))
        return self.path(name)


def make_key(path):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    return path


def join(path, *parts):
    with open(path + ".new", "w", encoding="ascii") as out:
        for part in parts:
            with open(part, encoding="ascii") as f:
                out.write(f.read())
    os.rename(path + ".new", path)
    return path
