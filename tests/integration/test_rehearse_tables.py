"""Tables on other servers: `rehearse --tables FILE` has them say what the operator's file says."""

import shutil

import pytest

from rehearse_cases import HERE, SMTP, checked, made, write
from test_rehearse_words import refusal, report

pytestmark = pytest.mark.skipif(shutil.which("postconf", path="/usr/sbin:/usr/bin") is None,
                                reason="the candidate is run by the machine's own Postfix")

SENDERS = f"mysql:{HERE}/senders.cf"
CLIENTS = f"proxy:pgsql:{HERE}/clients.cf"
RELAYS = "ldap:$config_directory/relays.cf"
CASES = {
    "senders": made("open", main=checked(f"check_sender_access {SENDERS}")),
    "both": made("open", main=checked(f"check_sender_access {SENDERS}, check_client_access {CLIENTS}")),
    "override": made("open", master=SMTP + "587 inet n - n - - smtpd\n  -o smtpd_relay_restrictions=permit_mynetworks,"
                     f"check_sender_access,{SENDERS},reject_unauth_destination\n"),
    "union": made("open", main=checked(f"check_sender_access unionmap:{{{SENDERS},inline:{{{{ghost.test=REJECT}}}}}}")),
    "relays": made("open", main={"relay_domains": f"example.org, {RELAYS}"}),
}


def rehearse(folder, name, *lines):
    answers = folder / "answers"
    answers.write_text("".join(line + "\n" for line in lines))
    return report(write(str(folder), name, CASES), "--as", "/etc/postfix", "--tables", str(answers))


def guilty(said):
    return {(line["file"].rpartition("/")[2], line["line"], line["text"], line["parameter"])
            for finding in said["findings"] for line in finding["guilty"]}


def test_without_answers_nobody_knows_and_the_option_is_named(tmp_path):
    said = report(write(str(tmp_path), "senders", CASES), "--as", "/etc/postfix")
    assert (said["exit"], said["verdict"]) == (3, "unknown")
    assert said["unknown"][0]["why"] == (f"smtpd_relay_restrictions: {SENDERS}: The table is on another server, which is "
                                         "not asked; --tables FILE takes what it would answer.")


def test_each_line_that_lets_strangers_in_is_named_in_the_file_of_answers(tmp_path):
    said = rehearse(tmp_path, "both", "# as the databases have it", f"{SENDERS} spam.test REJECT", "",
                    f"{CLIENTS}  203.0.113   OK", f"{SENDERS}\tpartner.test\tOK")
    assert (said["exit"], said["verdict"], said["unknown"], said["warnings"]) == (2, "open", [], [])
    assert guilty(said) == {("answers", 4, "203.0.113   OK", CLIENTS), ("answers", 5, "partner.test\tOK".expandtabs(1), SENDERS)}
    assert all(finding["proved"] for finding in said["findings"])


def test_a_key_that_is_not_in_the_file_is_not_found(tmp_path):
    said = rehearse(tmp_path, "both", f"{SENDERS} spam.test REJECT", f"{CLIENTS} 203.0.113 REJECT")
    assert (said["exit"], said["verdict"], said["unknown"]) == (0, "closed", [])


def test_a_table_without_an_answer_stays_unknown(tmp_path):
    said = rehearse(tmp_path, "both", f"{SENDERS} spam.test REJECT")
    assert (said["exit"], said["verdict"]) == (3, "unknown")
    assert CLIENTS in said["unknown"][0]["why"]


def test_a_destination_of_a_directory_is_found(tmp_path):
    said = rehearse(tmp_path, "relays", f"{RELAYS} partner.test x", f"{RELAYS} outside.example.net x")
    assert (said["exit"], said["verdict"]) == (2, "open")
    assert {line for _, line, _, _ in guilty(said)} == {2}


@pytest.mark.parametrize("name, answer, endpoint", [
    ("override", "OK", "192.0.2.25:587"),
    ("union", "OK", "192.0.2.25:25"),
])
def test_a_table_of_an_override_and_one_within_another_are_answered(name, answer, endpoint, tmp_path):
    said = rehearse(tmp_path, name, f"{SENDERS} spam.test REJECT", f"{SENDERS} partner.test {answer}")
    assert (said["exit"], said["verdict"]) == (2, "open"), said
    assert {finding["listener"] for finding in said["findings"]} == {endpoint}
    assert {(file, line) for file, line, _, _ in guilty(said)} == {("answers", 2)}


def test_answers_for_a_table_that_is_not_named_are_warned_of(tmp_path):
    said = rehearse(tmp_path, "senders", f"{SENDERS} spam.test REJECT", "mysql:/etc/postfix/sender.cf partner.test OK")
    assert (said["exit"], said["verdict"]) == (0, "closed")
    assert said["warnings"] == [{
        "place": str(tmp_path / "answers") + ":2",
        "why": "neither main.cf nor master.cf names mysql:/etc/postfix/sender.cf: write the table as it is written there"}]


@pytest.mark.parametrize("text, sentence", [
    ("partner.test OK\n", "{}:1: the first word is no table: write TABLE KEY VALUE, as in mysql:/etc/postfix/relay.cf "
                          "example.org OK"),
    (f"# comment\n{SENDERS} partner.test\n", "{}:2: a key and its value are missing behind the table: write TABLE KEY "
                                              "VALUE, and leave out what the table does not know"),
    ("# nothing\n", "{} answers for no table"),
    (None, "{} cannot be read: No such file or directory"),
])
def test_a_file_that_does_not_answer_is_refused(text, sentence, tmp_path):
    answers = tmp_path / "answers"
    if text is not None:
        answers.write_text(text)
    assert refusal(write(str(tmp_path), "senders", CASES), "--tables", str(answers)) == f"--tables: {sentence.format(answers)}"


def test_the_tables_servers_themselves_are_not_asked(tmp_path):
    assert refusal(write(str(tmp_path), "senders", CASES), "--tables", "ask").startswith(
        "--tables ask: the stage has no way to the servers that have the tables")


def test_only_postfix_has_such_tables(tmp_path):
    (tmp_path / "exim4.conf").write_text("")
    assert refusal(str(tmp_path), "--mta", "exim", "--tables", "answers") == (
        "--tables is for Postfix's tables, and this is exim")
