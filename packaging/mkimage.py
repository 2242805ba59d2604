#!/usr/bin/env python3
"""Writes an image archive (docker-archive, which `ctr images import` reads) without an image registry.

    mkimage.py OUT.tar NAME:TAG [--shell BUSYBOX] [--deb FILE ...] [--copy HOST=/IN ...] [--libs-of PROGRAM] [--entrypoint WORD ...] ...

Up to three layers, each left out when empty: a shell (a static busybox with its applets), the files of Debian
packages, the files copied in with the libraries that a program of them needs. The same input gives the same bytes: no times, all owned by root. Images that share a
layer share it on the node as well. Standard library only.
"""

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile

# A program asks for the name of its user, PostgreSQL insists on it.
PASSWD = "root:x:0:0:root:/:/bin/sh\napp:x:10001:10001:app:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = "root:x:0:\napp:x:10001:\nnogroup:x:65534:\n"
MERGED = ("bin", "sbin", "lib", "lib64")  # folders that are links into /usr in Debian 12
LEFT_OUT = re.compile(r"usr/share/(doc|man|info|lintian|locale|bug|perl5?)/|usr/share/icu/|etc/init\.d/|lib/systemd/|usr/lib/postgresql/[0-9]+/lib/bitcode/")


class Layer:
    """Files by their path in the image; what comes later replaces what was there."""

    def __init__(self):
        self.members = {}

    def add(self, path, kind=tarfile.REGTYPE, mode=0o644, data=b"", link=""):
        path = merged(path.strip("/"))
        if not path:
            return
        parent = os.path.dirname(path)
        if parent and parent not in self.members:
            self.add(parent, tarfile.DIRTYPE, 0o755)
        if kind == tarfile.DIRTYPE and path in MERGED:
            return
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.linkname = kind, mode, link
        info.size = len(data) if kind == tarfile.REGTYPE else 0
        self.members[path] = (info, data)

    def add_merged_links(self):
        for name in MERGED:
            self.add("usr/" + name, tarfile.DIRTYPE, 0o755)
            self.members[name] = (link_info(name, "usr/" + name), b"")

    def tar(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for _, (info, data) in sorted(self.members.items()):
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()


def merged(path):
    return "usr/" + path if path.split("/")[0] in MERGED and path not in MERGED else path


def link_info(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    return info


def shell_layer(busybox):
    layer = Layer()
    layer.add_merged_links()
    layer.add("tmp", tarfile.DIRTYPE, 0o1777)
    layer.add("etc/passwd", data=PASSWD.encode())
    layer.add("etc/group", data=GROUP.encode())
    layer.add("etc/nsswitch.conf", data=b"hosts: files dns\n")
    if busybox:
        with open(busybox, "rb") as file:
            layer.add("bin/busybox", mode=0o755, data=file.read())
        for applet in subprocess.check_output([busybox, "--list"], text=True).split():
            if applet != "busybox":
                layer.add("bin/" + applet, tarfile.SYMTYPE, 0o777, link="busybox")
    return layer


def package_layer(packages):
    layer = Layer()
    for package in packages:
        unpacked = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
        with tarfile.open(fileobj=unpacked.stdout, mode="r|") as tar:
            hard_linked = {}
            for member in tar:
                path = member.name.lstrip("./")
                if LEFT_OUT.match(path + "/") or member.isdev():
                    continue
                if member.islnk():
                    layer.add(path, mode=member.mode, data=hard_linked.get(member.linkname.lstrip("./"), b""))
                elif member.isfile():
                    data = tar.extractfile(member).read()
                    hard_linked[path] = data
                    layer.add(path, mode=member.mode & 0o777, data=data)
                elif member.issym():
                    layer.add(path, tarfile.SYMTYPE, 0o777, link=member.linkname)
                elif merged(path) not in layer.members:
                    layer.add(path, tarfile.DIRTYPE, member.mode & 0o1777)
        if unpacked.wait() != 0:
            raise SystemExit(f"mkimage: {package} cannot be unpacked")
    return layer


def copy_layer(copies):
    layer = Layer()
    for copy in copies:
        host, inside = copy.split("=", 1)
        for source in [host] if os.path.isfile(host) else walk(host):
            path = inside if source == host else inside + "/" + os.path.relpath(source, host)
            with open(source, "rb") as file:
                layer.add(path, mode=0o755 if os.access(source, os.X_OK) else 0o644, data=file.read())
    return layer


def libraries(program):
    """What the loader would load for a dynamic program, and the loader itself, each where the program looks for it."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    if "not found" in listed:
        raise SystemExit(f"mkimage: {program} needs a library that is not here:\n{listed}")
    return [path + "=" + path for path in re.findall(r"(/\S+) \(0x", listed)]


def walk(folder):
    found = sorted(os.path.join(base, name) for base, _, names in os.walk(folder) for name in names
                   if "__pycache__" not in base)
    if not found:
        raise SystemExit(f"mkimage: nothing to copy in {folder}")
    return found


def write_archive(out, name, layers, run):
    tars = [layer.tar() for layer in layers if layer.members]
    digests = [hashlib.sha256(tar).hexdigest() for tar in tars]
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z", "config": run,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest for digest in digests]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "mkimage"} for _ in digests],
    }, sort_keys=True).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    files = [(config_name, config)] + [(digest + "/layer.tar", tar) for digest, tar in zip(digests, tars)]
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [f for f, _ in files[1:]]}]
    files.append(("manifest.json", json.dumps(manifest).encode()))
    with tarfile.open(out + ".new", "w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in files:
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    os.replace(out + ".new", out)  # never half an archive under its name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("name")
    parser.add_argument("--shell", metavar="BUSYBOX", help="a static busybox, with a link for every applet")
    parser.add_argument("--deb", nargs="*", default=[], metavar="FILE", help="Debian packages, unpacked in order")
    parser.add_argument("--copy", action="append", default=[], metavar="HOST=/IN", help="a file or a folder")
    parser.add_argument("--libs-of", metavar="PROGRAM", help="the libraries of a dynamic program; none of a static one")
    parser.add_argument("--entrypoint", nargs="*", default=[])
    parser.add_argument("--env", action="append", default=["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
    parser.add_argument("--user", default="10001:10001")
    asked = parser.parse_args()
    copies = asked.copy + (libraries(asked.libs_of) if asked.libs_of else [])
    layers = [shell_layer(asked.shell), package_layer(asked.deb), copy_layer(copies)]
    run = {"Entrypoint": asked.entrypoint or None, "Env": asked.env, "User": asked.user, "WorkingDir": "/"}
    write_archive(asked.out, asked.name, layers, run)


if __name__ == "__main__":
    main()
