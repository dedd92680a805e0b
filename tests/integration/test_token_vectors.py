"""The other implementation of tokens gives the vectors that lib/tokens.md publishes, as the programs'
own does (tests/unit/lib/test_token.c, test_observation.c)."""

import os
import re

from lab import tokens

PAGE = os.path.join(os.path.dirname(__file__), "../../lib/tokens.md")


def vectors():
    with open(PAGE, encoding="utf-8") as page:
        block = re.search(r"^```vectors\n(.*?)^```", page.read(), re.S | re.M)[1]
    return dict(line.split(None, 1) for line in block.splitlines() if line)


def test_the_published_vectors_are_what_the_page_describes():
    known = vectors()
    key = tokens.Key(bytes.fromhex(known["key.octets"]))
    nonce = bytes.fromhex(known["hello.nonce"])
    challenge = bytes.fromhex(known["challenge.octets"])
    assert key.fingerprint == known["key.shown"]
    for purpose in ("hello", "ask", "observation", "route", "fingerprint"):
        assert key.derived(purpose).hex() == known["key." + purpose]
    route = key.route(known["route.probe"], known["route.target"], known["route.endpoint"])
    assert route.hex() == known["route.octets"]
    path, _ = key.hello(known["hello.domain"], route=route, time=int(known["hello.time"]),
                        nonce=nonce)
    assert path == known["hello.path"]
    assert tokens.base32(challenge) == known["challenge.text"]

    asks = [name for name in known if re.fullmatch(r"ask\d+\.recipient", name)]
    for name in asks:
        ask = name.split(".")[0]
        assert known[name] == key.ask(
            nonce, challenge, int(known[ask + ".role"]), int(known[ask + ".technique"]),
            known[ask + ".sender"], tokens.TOKEN.sub("{}", known[name]))
    observations = [name for name in known if re.fullmatch(r"observation\d+\.text", name)]
    for name in observations:
        path = known[name.replace(".text", ".path")]
        assert tokens.find("550 5.7.0 " + known[name]).is_by(key, path, nonce, challenge)
    assert len(asks) == 6 and len(observations) == 6
