# SPDX-FileCopyrightText: The rsp authors
# SPDX-License-Identifier: Apache-2.0
"""Certificates with fixed dates, by the openssl command: CAs whose keys are certified more than once, and what stands below them."""

import os

from certificates import openssl

CONFIG = """[ca]
default_ca = one
[one]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
policy = any
unique_subject = no
email_in_dn = no
rand_serial = yes
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[extensions]
{extensions}
"""
CA = "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\nsubjectKeyIdentifier = hash\n"
BELOW = "authorityKeyIdentifier = keyid\n"


def moment(text):
    """2015-08-06 as openssl ca takes it."""
    return text.replace("-", "") + "000000Z"


class Notary:
    """A folder of keys and certificates; what is made is PEM text."""

    def __init__(self, folder):
        self.folder = folder
        self.keys = {}
        with open(os.path.join(folder, "index"), "w", encoding="ascii"):
            pass

    def path(self, name):
        return os.path.join(self.folder, name)

    def key(self, name, kind="EC"):
        if name not in self.keys:
            self.keys[name] = self.path(name.replace(" ", "_").replace("*", "_") + ".key")
            options = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "EC" else ["-pkeyopt", f"rsa_keygen_bits:{kind}"]
            openssl("genpkey", "-algorithm", "EC" if kind == "EC" else "RSA", *options, "-out", self.keys[name])
        return self.keys[name]

    def issue(self, subject, issuer=None, begins="2014-01-01", ends="2030-01-01", digest="sha256", extensions=CA, key="EC"):
        """issuer: (name of the key, PEM of the certificate); None: self-signed."""
        config, request, out = self.path("config"), self.path("request"), self.path("out.pem")
        extensions += BELOW if issuer else ""
        with open(config, "w", encoding="ascii") as f:
            f.write(CONFIG.format(folder=self.folder, extensions=extensions))
        openssl("req", "-new", "-config", config, "-key", self.key(subject, key), "-subj", f"/CN={subject}", "-out", request)
        signer = ["-selfsign", "-keyfile", self.key(subject)]
        if issuer:
            above = self.path("issuer.pem")
            with open(above, "w", encoding="ascii") as f:
                f.write(issuer[1])
            signer = ["-keyfile", self.key(issuer[0]), "-cert", above]
        openssl("ca", "-batch", "-config", config, "-extensions", "extensions", "-in", request, "-out", out, "-notext", "-md", digest,
                "-startdate", moment(begins), "-enddate", moment(ends), *signer)
        with open(out, encoding="ascii") as f:
            return f.read()

    def leaf(self, name, issuer, **options):
        extensions = f"basicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n" \
                     f"extendedKeyUsage = serverAuth\nsubjectAltName = DNS:{name}\nsubjectKeyIdentifier = hash\n"
        return self.issue(name, issuer, extensions=extensions, **options)

    def write(self, name, *parts):
        with open(self.path(name), "w", encoding="ascii") as f:
            f.write("".join(parts))
        return self.path(name)
