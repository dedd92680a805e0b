"""Token keys: made by `relaywarden-probe keygen`, their fingerprints shown alike by both programs."""

import os
import stat

from lab import Config, Milter, probe, program, tokens


def keygen(host, path, *options):
    return host.run([program("relaywarden-probe"), "keygen", *options, path], check=False)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_key_is_made_once_and_known_by_its_fingerprint(lab):
    mx = lab.host("mx")
    path = os.path.join(mx.folder, "token.key")
    made = keygen(mx, path)
    with open(path, "rb") as file:
        secret = file.read()
    fingerprint = tokens.Key(secret).fingerprint
    assert made.returncode == 0
    assert made.stdout == f"{path}: key made, fingerprint {fingerprint}\n"
    assert (len(secret), mode_of(path)) == (32, 0o600)

    again = keygen(mx, path)
    assert again.returncode == 3 and "is there already" in again.stderr
    with open(path, "rb") as file:
        assert file.read() == secret

    config = Config(token_key_file=path)
    shown = f"token_key_file: fingerprint {fingerprint}\n"
    assert shown in Milter(lab, mx, config).run("-t").stdout
    assert shown in probe(mx, config=config, verb="-t", as_json=False).out
    report = probe(mx, config=config, verb="-t").report
    assert report["fingerprints"] == {"token_key_file": fingerprint, "token_key_also": None}


def test_root_makes_a_key_for_the_programs_group(lab):
    mx = lab.host("mx")
    path = os.path.join(mx.folder, "token.key")
    groups = os.path.join(mx.folder, "group")
    with open("/etc/group", encoding="utf-8") as file:
        others = [line for line in file if not line.startswith("relaywarden:")]
    with open(groups, "w", encoding="utf-8") as file:
        file.writelines([*others, "relaywarden:x:4321:\n"])
    mx.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/group && exec "$2" keygen "$3"',
            "sh", groups, program("relaywarden-probe"), path])
    status = os.stat(path)
    assert (status.st_uid, status.st_gid, mode_of(path)) == (0, 4321, 0o640)


def test_a_key_that_cannot_be_made_leaves_nothing(lab):
    mx = lab.host("mx")
    failed = keygen(mx, os.path.join(mx.folder, "missing", "token.key"), "--json")
    assert failed.returncode == 3 and "No such file or directory" in failed.stdout
    assert keygen(mx, "", "--json").returncode == 3
