"""relaywarden.conf for a test."""

import os
import re


class Config:
    """The sections as dicts; what is not given is as `defaults` below or as the programs have it.

    targets: name to options, written as `target "NAME" { }` in the probe's section. `top` are
    options outside any section. None leaves a default out. Values: str, int, bool, lists; dicts are
    sections.
    """

    def __init__(self, site=None, milter=None, probe=None, targets=None, alert=None, **top):
        self.site = {
            "domains": ["example.org"],
            "trusted_networks": ["127.0.0.0/8", "::1/128"],
            **(site or {}),
        }
        self.milter = {"user": "", **(milter or {})}
        self.probe = {"canary": "canary@outside.example.net", "dnsbl": [], **(probe or {})}
        if targets is None:
            targets = {"mx": {"domain": "example.org", "ports": [25]}}
        self.targets = targets
        self.alert = {"journal": "no", **(alert or {})}
        self.top = top

    def text(self):
        lines = [line for name, value in self.top.items() for line in _option(name, value)]
        for name in ("site", "milter", "probe", "alert"):
            lines.append(f"{name} {{")
            lines += _indented(getattr(self, name))
            if name == "probe":
                for target, options in self.targets.items():
                    lines += [f"  target {quoted(target)} {{", *_indented(options, 4), "  }"]
            lines.append("}")
        return "\n".join(lines) + "\n"

    def write(self, path):
        return write_text(path, self.text())


def write_text(path, text):
    """Writes a configuration file as the programs accept it: not writable by others."""
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.chmod(path, 0o640)
    return path


def quoted(value):
    return '"' + re.sub(r'(["\\])', r"\\\1", str(value)) + '"'


def _indented(options, width=2):
    return [" " * width + line for name, value in options.items() for line in _option(name, value)]


def _option(name, value):
    if value is None:
        return []
    if isinstance(value, dict):
        return [f"{name} {{", *_indented(value), "}"]
    return [f"{name} = {_value(value)}"]


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(_value(item) for item in value) + " }" if value else "{ }"
    return quoted(value)
