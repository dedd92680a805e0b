#!/usr/bin/python3
"""Makes an OCI image from scratch, without a registry: the two programs, the module for PostgreSQL where it was built, and
the libraries that they need.

The same octets from the same programs, libraries and date: names in order, one owner, one time. The result is
one file, an OCI layout in a tar archive, which `podman load` and `skopeo copy oci-archive:` take; its digest is printed.
"""

import argparse
import datetime
import glob
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = ("relaywarden-milter", "relaywarden-probe")
MODULE = "relaywarden-postgresql.so"  # the programs look for it beside themselves
USER = 65532  # nobody's on any system that we know of
STATE = "var/lib/relaywarden"
DOCUMENTS = "usr/share/doc/relaywarden"  # an alert names the page of its kind there, unless DOC_BASE is elsewhere
MILTER_PORT, HTTP_PORT = 8895, 9825  # conf/environment.c
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # libcurl's, for alerts over https
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386"}
FILES = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\nrelaywarden:x:{USER}:{USER}:relaywarden:/{STATE}:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nrelaywarden:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def output(argv):
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout


def read(path):
    with open(path, "rb") as file:
        return file.read()


def libraries(program):
    """The files that the loader maps, the loader among them, by the names that it looks for."""
    return set(re.findall(r"(/\S+) \(0x", output(["ldd", program])))


def terms(names):
    """Where the terms of use of these files are, on a system of Debian's kind."""
    for name in sorted(names):
        found = subprocess.run(["dpkg-query", "--search", os.path.realpath(name), "/usr" + name, name], check=False,
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for package in re.findall(r"^([^:\s]+)", found, re.MULTILINE)[:1]:
            path = f"/usr/share/doc/{package}/copyright"
            if os.path.exists(path):
                yield path


class Layer:
    """A tar archive whose entries are given in any order."""

    def __init__(self, when):
        self.when = when
        self.entries = {}

    def add(self, name, content=None, mode=0o644, owner=0):
        """A file, or a folder where there is no content."""
        entry = tarfile.TarInfo(name.strip("/"))
        entry.mtime, entry.uid, entry.gid = self.when, owner, owner
        entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
        entry.mode, entry.size = mode, len(content or b"")
        self.entries[entry.name] = (entry, content or b"")
        folder = os.path.dirname(entry.name)
        if folder and folder not in self.entries:
            self.add(folder, mode=0o755)

    def octets(self):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for _, (entry, content) in sorted(self.entries.items()):
                archive.addfile(entry, io.BytesIO(content))
        return stream.getvalue()


def make_layer(build, when):
    layer = Layer(when)
    needed = set()
    with tempfile.TemporaryDirectory() as folder:
        for name in [*PROGRAMS, *([MODULE] if os.path.exists(os.path.join(build, MODULE)) else [])]:
            stripped = os.path.join(folder, name)
            subprocess.run(["strip", "-o", stripped, os.path.join(build, name)], check=True)
            layer.add(f"usr/sbin/{name}", read(stripped), mode=0o755)
            needed |= libraries(stripped)
    for name in needed:
        layer.add(name, read(name), mode=0o755)
    for path in {CERTIFICATES, *terms(needed)}:
        layer.add(path, read(path))
    for path in ("LICENSE", *glob.glob("doc/**/*.md", root_dir=ROOT, recursive=True)):
        layer.add(os.path.join(DOCUMENTS, path), read(os.path.join(ROOT, path)))
    for name, text in FILES.items():
        layer.add(name, text.encode())
    layer.add("etc/relaywarden", mode=0o755)
    for name in (STATE, f"{STATE}/milter", f"{STATE}/probe"):
        layer.add(name, mode=0o750, owner=USER)
    return layer.octets()


class Archive:
    """The image's own archive: each blob is named by its digest."""

    def __init__(self, when):
        self.layer = Layer(when)

    def blob(self, octets, media):
        digest = hashlib.sha256(octets).hexdigest()
        self.layer.add(f"blobs/sha256/{digest}", octets)
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{digest}", "size": len(octets)}

    def json(self, value, media):
        return self.blob(json.dumps(value, sort_keys=True, separators=(",", ":")).encode(), media)


def make_image(build, version, when):
    """The archive's octets, and the digest of the image's manifest."""
    layer = make_layer(build, when)
    archive = Archive(when)
    created = datetime.datetime.fromtimestamp(when, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = archive.json({
        "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine), "os": "linux", "created": created,
        "config": {
            "User": f"{USER}:{USER}", "Cmd": ["relaywarden-milter"], "Env": ["PATH=/usr/sbin"], "WorkingDir": "/",
            "ExposedPorts": {f"{MILTER_PORT}/tcp": {}, f"{HTTP_PORT}/tcp": {}}, "Volumes": {f"/{STATE}": {}},
            "Labels": {"org.opencontainers.image.title": "relaywarden",
                       "org.opencontainers.image.version": version,
                       "org.opencontainers.image.licenses": "ISC"}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": created, "created_by": "make image"}]}, "config.v1+json")
    packed = archive.blob(gzip.compress(layer, 9, mtime=0), "layer.v1.tar+gzip")
    manifest = archive.json({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                             "config": config, "layers": [packed]}, "manifest.v1+json")
    named = {**manifest, "annotations": {"org.opencontainers.image.ref.name": f"relaywarden:{version}"}}
    index = {"schemaVersion": 2, "manifests": [named]}
    archive.layer.add("index.json", json.dumps(index, sort_keys=True).encode())
    archive.layer.add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    return archive.layer.octets(), manifest["digest"], len(layer), packed["size"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="where the programs are")
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", required=True, type=int, help="the date of everything, in Unix time")
    parser.add_argument("file", help="what is written")
    options = parser.parse_args()
    octets, digest, size, packed = make_image(options.build, options.version, options.epoch)
    with open(options.file, "wb") as file:
        file.write(octets)
    print(f"{options.file}: {digest}, {size / 1e6:.1f} MB, {packed / 1e6:.1f} MB packed")


if __name__ == "__main__":
    main()
