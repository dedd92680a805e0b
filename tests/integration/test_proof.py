"""Messages that prove an open relay: sent where the configuration asks for them, and awaited."""

import json
import os
import re
import shutil
import signal

import pytest

from lab import Config, Dns, Postfix, Sink, program, probe, wait_until
from site_of_tests import endpoint

OPEN = {"mynetworks": "0.0.0.0/0 [::]/0", "default_transport": "smtp"}
TOKEN = re.compile(r"^[0-9a-f]{32}$")


class Place:
    """A Postfix of example.org, and the canary's host, where a second one hands mail to receive."""

    def __init__(self, lab):
        self.lab = lab
        self.outside = lab.host("outside")
        Dns(lab).start()
        # Accepted recipients whose transactions come to nothing use up Postfix's tokens for this.
        self.postfix = Postfix(lab, lab.host("mx"), main={"in_flow_delay": "0s"})
        self.plain_main = dict(self.postfix.main)
        self.postfix.start()
        self.record = os.path.join(lab.folder, "arrivals")
        self.state = None
        self.sink = None
        self.audits = 0

    def set_up(self, **main):
        """This Postfix, and a probe that remembers nothing."""
        self.postfix.main = {**self.plain_main, **main}
        self.postfix.write()
        self.postfix.reload()
        self.audits += 1

    def take_in(self):
        """Mail for the canary is taken by smtp-sink."""
        self.sink = Sink(self.lab).start()
        return self.sink

    def receive(self, *arguments):
        """Mail for the canary is piped to receive by a real Postfix, which runs it as nobody."""
        command = " ".join([self.lab.publish(program("relaywarden-probe")), "receive", *arguments])
        home = Postfix(self.lab, self.lab.host("sink"), main={
            "mydestination": "outside.example.net"}, master=["local unix - n n - - local"])
        home.main["alias_maps"] = home.table("aliases", {"canary": f'"|{command}"'})
        return home.start()

    def probe(self, proof, *arguments, target="mx", **keywords):
        config = Config(probe={"proof": proof},
                        targets={"mx": {"host": "203.0.113.25", "ports": [25]}})
        checked = probe(self.outside, target, *arguments, config=config,
                        name=f"probe{self.audits}", **keywords)
        self.state = os.path.join(config.top["state_directory"], "probe")
        return checked

    def hand_in(self, text, *arguments):
        """Gives a message to receive, by the configuration of the last audit."""
        path = os.path.join(self.outside.folder, f"probe{self.audits}", "relaywarden.conf")
        return self.outside.run([program("relaywarden-probe"), "receive", "--config", path,
                                 *arguments], input=text, check=False)

    def sent(self, mark=0):
        """How many messages the Postfix of example.org took."""
        return len([line for line in self.postfix.log(mark) if "postfix/cleanup[" in line
                    and "message-id=" in line])


@pytest.fixture
def place(lab):
    return Place(lab)


# ---- data ----

def test_without_being_asked_no_message_is_sent(place):
    sink = place.take_in()
    place.set_up(**OPEN)
    checked = place.probe("rcpt")
    entry = endpoint(checked)
    assert (entry["verdict"], entry["proof"], entry["message"]) == ("open", "rcpt", None)
    assert checked.report["messages"] == 0
    assert place.sent() == 0 and sink.messages() == []


def test_a_message_that_is_taken_proves_more_than_a_recipient(place):
    sink = place.take_in()
    place.set_up(**OPEN)
    checked = place.probe("data")
    entry = endpoint(checked)
    assert (entry["verdict"], entry["proof"], checked.code) == ("open", "data", 2)
    assert entry["message"]["state"] == "taken"
    assert entry["message"]["technique"] == "plain"
    assert entry["message"]["code"] == 250
    assert TOKEN.match(entry["message"]["token"])
    assert checked.report["messages"] == 1 and place.sent() == 1
    sink.wait_for_recipient("canary@outside.example.net")
    [message] = sink.messages()
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Relaywarden-Token"] == entry["message"]["token"]
    assert message["To"] == "<canary@outside.example.net>"
    assert entry["message"]["token"] in message["Message-ID"]
    assert message["Date"] and message["Subject"] == "Relay test of 203.0.113.25"
    assert "whether a mail server relays for strangers" in message.get_payload()


def test_a_server_that_refuses_to_relay_is_sent_nothing(place):
    place.set_up()
    entry = endpoint(place.probe("delivered"))
    assert (entry["verdict"], entry["message"]) == ("closed", None)
    assert place.sent() == 0


def test_a_server_that_was_only_named_is_sent_nothing(place):
    place.set_up(**OPEN)
    entry = endpoint(place.probe("delivered", target="203.0.113.25"))
    assert (entry["verdict"], entry["proof"], entry["message"]) == ("open", "rcpt", None)
    assert place.sent() == 0


def test_four_messages_a_day_and_no_more(place):
    place.set_up(mynetworks="0.0.0.0/0 [::]/0")
    states = [endpoint(place.probe("data"))["message"]["state"] for _ in range(5)]
    assert states == ["taken"] * 4 + ["spared"]
    assert place.sent() == 4


@pytest.mark.parametrize("name, why", [
    ("memory.json", "memory.json is damaged"),  # an earlier version's
    ("relaywarden.db", "file is not a database")])
def test_where_it_cannot_be_counted_no_message_is_sent(place, name, why):
    place.set_up(**OPEN)
    place.probe("rcpt")
    with open(os.path.join(place.state, name), "w", encoding="ascii") as file:
        file.write("damaged" * 100)
    checked = place.probe("data")
    entry = endpoint(checked)
    assert (entry["verdict"], entry["proof"]) == ("open", "rcpt")
    assert entry["message"]["state"] == "none"
    assert why in entry["why"] and why in checked.err
    assert place.sent() == 0


def test_a_message_that_is_refused_proves_nothing(place):
    place.set_up(**OPEN, message_size_limit="100")
    entry = endpoint(place.probe("data"))
    assert (entry["verdict"], entry["proof"]) == ("open", "rcpt")
    assert entry["message"]["state"] == "refused"
    assert "refused" in entry["why"]


# ---- delivered ----

def test_a_message_that_arrives_proves_it_beyond_doubt(place):
    place.receive("--record", place.record)
    with open(place.record, "w", encoding="ascii"):
        os.chmod(place.record, 0o666)  # for nobody
    place.set_up(**OPEN)
    checked = place.probe("delivered", "--record", place.record)
    entry = endpoint(checked)
    assert (entry["verdict"], entry["proof"], checked.code) == ("open", "delivered", 2)
    assert entry["message"]["state"] == "arrived"
    assert checked.report["seconds"] < 30
    with open(place.record, encoding="ascii") as file:
        [line] = [json.loads(line) for line in file]
    assert line["token"] == entry["message"]["token"]


def test_a_server_that_takes_a_message_and_discards_it_is_only_suspected(place):
    place.set_up(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    checked = place.probe("delivered", "--wait", "2s")
    entry = endpoint(checked)
    assert (entry["verdict"], entry["cause"], entry["proof"]) == (
        "suspected", "discarded-or-hidden", None)
    assert entry["message"]["state"] == "missing"
    assert entry["message"]["token"] in entry["fix"]
    assert [finding["kind"] for finding in entry["findings"]] == ["suspected-relay"]
    assert checked.code == 1


def test_a_message_that_came_late_counts_for_the_next_audit(place):
    place.set_up(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    late = endpoint(place.probe("delivered", "--wait", "1s"))["message"]["token"]
    assert place.hand_in(f"X-Relaywarden-Token: {late}\nSubject: x\n\nHello.\n").returncode == 0
    entry = endpoint(place.probe("delivered", "--wait", "1s"))
    assert (entry["verdict"], entry["proof"]) == ("open", "delivered")


def test_on_the_probes_host_a_pipe_of_its_user_is_enough(place):
    # All as one user, who is not root: the probe, the state, and the canary's pipe.
    state = os.path.join(place.lab.folder, "state")
    os.makedirs(os.path.join(state, "probe"))
    config = Config(probe={"proof": "delivered"}, state_directory=state,
                    alert={"syslog": {"facility": "mail", "format": "none"}},
                    targets={"mx": {"host": "203.0.113.25", "ports": [25]}})
    path = config.write(os.path.join(state, "relaywarden.conf"))
    for file in (state, os.path.join(state, "probe"), path):
        shutil.chown(file, "games", "games")
    receiver = place.lab.publish(program("relaywarden-probe"))
    home = Postfix(place.lab, place.lab.host("sink"), main={
        "mydestination": "outside.example.net"}, master=[
            "relaywarden unix - n n - - pipe user=games "
            f"argv={receiver} receive --config {path}"])
    home.main["transport_maps"] = home.table(
        "transport", {"canary@outside.example.net": "relaywarden:"})
    home.start()
    place.set_up(**OPEN)
    done = place.outside.run(["setpriv", "--reuid=games", "--regid=games", "--clear-groups",
                              receiver, "check", "--config", path, "--json"], check=False)
    entry = json.loads(done.stdout)["endpoints"][0]
    assert (entry["verdict"], entry["proof"]) == ("open", "delivered"), home.log()
    assert os.path.exists(os.path.join(state, "probe/arrivals.json"))


# ---- receive ----

def test_only_a_message_that_an_audit_sent_is_recorded(place):
    place.set_up(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    token = endpoint(place.probe("data"))["message"]["token"]
    arrivals = os.path.join(place.state, "arrivals.json")
    others = [f"X-Relaywarden-Token: {'0' * 32}\n\n", "Subject: Hello\n\nHello.\n", "",
              # what bounces quotes it, and did not arrive
              f"Subject: Undelivered\n\nX-Relaywarden-Token: {token}\n"]
    for text in others:
        for options in ([], ["--copy"]):  # passed over: nothing goes to senders that are forged
            done = place.hand_in(text, *options)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not os.path.exists(arrivals)
    done = place.hand_in(f"Received: from a\n\tby b\nx-relaywarden-token:  {token}\r\n\nx", "--json")
    assert json.loads(done.stdout)["recorded"] == [token] and done.returncode == 0
    again = place.hand_in(f"X-Relaywarden-Token: {token}\n\n", "--json")  # by whoever knows it
    assert json.loads(again.stdout)["recorded"] == [] and again.returncode == 0
    with open(arrivals, encoding="ascii") as file:
        assert [json.loads(line)["token"] for line in file] == [token]


def test_a_full_record_loses_its_older_half_and_not_what_just_arrived(place):
    line = '{{"time":"2027-01-15T08:00:00Z","token":"{:032x}"}}\n'
    with open(place.record, "w", encoding="ascii") as file:
        file.writelines(line.format(number) for number in range(13980))
    arrived, forged = "a" * 32, "b" * 32
    with open(place.record, "a", encoding="ascii") as file:
        file.write(line.format(int(arrived, 16)))
    place.audits = "-"
    text = f"X-Relaywarden-Token: {forged}\n\n"
    done = place.outside.run([program("relaywarden-probe"), "receive", "--record", place.record],
                             input=text, check=False)
    assert done.returncode == 0
    with open(place.record, encoding="ascii") as file:
        tokens = [json.loads(line)["token"] for line in file]
    assert tokens[-2:] == [arrived, forged] and 6000 < len(tokens) < 7000


def test_with_the_sites_key_only_what_its_audits_sent_is_recorded(place):
    key = os.path.join(place.lab.folder, "token.key")
    with open(key, "wb") as file:
        file.write(bytes(range(32)))
    os.chmod(key, 0o600)
    place.set_up(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    config = Config(probe={"proof": "data"}, token_key_file=key,
                    targets={"mx": {"host": "203.0.113.25", "ports": [25]}})
    token = endpoint(probe(place.outside, "mx", config=config, name="keyed"))["message"]["token"]

    def hand_in(token, *options):
        return place.outside.run(
            [program("relaywarden-probe"), "receive", "--record", place.record, *options],
            input=f"X-Relaywarden-Token: {token}\n\n", check=False)

    assert hand_in("0" * 32, "--key", key).returncode == 0
    assert not os.path.exists(place.record)
    assert hand_in(token, "--key", key).stdout == f"recorded {token}\n"
    assert hand_in("0" * 32).stdout == f"recorded {'0' * 32}\n"
    os.chmod(key, 0o644)
    done = hand_in(token, "--key", key)
    assert done.returncode == 75 and "open to others" in done.stderr
    assert hand_in(token, "--key", "/nowhere").returncode == 75


def test_what_cannot_be_recorded_stays_in_the_queue(place):
    place.set_up(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    token = endpoint(place.probe("data"))["message"]["token"]
    text = f"X-Relaywarden-Token: {token}\n\n"
    assert place.hand_in(text, "--record", "/nowhere/arrivals").returncode == 75
    assert place.hand_in(text, "--recrod").returncode == 75
    os.mkdir(os.path.join(place.state, "arrivals.json"))
    assert place.hand_in(text).returncode == 75


def test_a_maildir_is_read_and_left_as_it_is(place):
    place.set_up(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    tokens = [endpoint(place.probe("data"))["message"]["token"] for _ in range(2)]
    maildir = os.path.join(place.lab.folder, "Maildir")
    for name, text in (("new/1", f"X-Relaywarden-Token: {tokens[0]}\n\nx\n"),
                       ("cur/2:2,S", f"X-Relaywarden-Token: {tokens[1]}\n\nx\n"),
                       ("new/3", "Subject: Hello\n\nHello.\n")):
        os.makedirs(os.path.join(maildir, os.path.dirname(name)), exist_ok=True)
        with open(os.path.join(maildir, name), "w", encoding="ascii") as file:
            file.write(text)
    before = sorted(os.walk(maildir))
    done = place.hand_in("", "--maildir", maildir, "--json")
    assert sorted(json.loads(done.stdout)["recorded"]) == sorted(tokens)
    assert json.loads(place.hand_in("", "--maildir", maildir, "--json").stdout)["recorded"] == []
    assert sorted(os.walk(maildir)) == before
    assert place.hand_in("", "--maildir", maildir + "/nowhere").returncode == 75


def test_a_server_that_was_sent_enough_is_judged_by_what_it_was_sent(place):
    place.set_up(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    tokens = [endpoint(place.probe("data"))["message"]["token"] for _ in range(4)]
    checked = place.probe("delivered", "--wait", "30s")
    entry = endpoint(checked)
    assert (entry["verdict"], entry["cause"]) == ("suspected", "discarded-or-hidden")
    assert entry["message"]["token"] == tokens[-1] and tokens[-1] in entry["fix"]
    assert checked.report["messages"] == 0 and checked.report["seconds"] < 10
    assert place.hand_in(f"X-Relaywarden-Token: {tokens[0]}\n\n").returncode == 0
    checked = place.probe("delivered", "--wait", "30s")
    assert endpoint(checked)["proof"] == "delivered"
    assert checked.report["messages"] == 0 and place.sent() == 4


# ---- interrupted ----

def test_ctrl_c_while_a_message_is_awaited_tells_what_is_known(place):
    place.set_up(mynetworks="0.0.0.0/0 [::]/0", default_transport="discard")
    place.probe("rcpt")
    config = Config(probe={"proof": "delivered"}, state_directory=os.path.dirname(place.state),
                    targets={"mx": {"host": "203.0.113.25", "ports": [25]}})
    path = config.write(os.path.join(place.lab.folder, "interrupted.conf"))
    process = place.outside.popen([program("relaywarden-probe"), "check", "--config", path,
                                   "--json"], stdout=-1, stderr=-1, text=True)
    wait_until(lambda: place.sent() == 1, 15)
    wait_until(lambda: place.postfix.logfile.find("disconnect from .* data=1"), 15)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=15)
    entry = json.loads(out)["endpoints"][0]
    assert (entry["verdict"], entry["proof"]) == ("open", "data")
    assert process.returncode == 2
