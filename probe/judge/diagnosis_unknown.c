#include "probe/judge/diagnosis_unknown.h"

#include <string.h>

#include "probe/judge/diagnosis_open.h"
#include "probe/judge/diagnosis_words.h"
#include "probe/judge/mta.h"

/* ---- inconclusive -------------------------------------------------------------------- */

static const struct remedy fix_client_refused[] = {
    {MTA_UNKNOWN, "Give the probe's address a reverse name that resolves back to it, take it off "
                  "the list that the reply names, or exempt it from that check, but never in front "
                  "of reject_unauth_destination."},
    {MTA_POSTFIX, "on a submission port it answers everybody so if smtpd_client_restrictions ends "
                  "in reject: put permit_sasl_authenticated, reject into smtpd_relay_restrictions "
                  "instead, and the answer tells whether it relays."},
    {.text = NULL},
};

static const struct remedy fix_closing[] = {
    {MTA_UNKNOWN, "Read the server's log. A limit or a ban (fail2ban, postscreen) ends connections "
                  "so: wait, or exempt the probe's address."},
    {MTA_POSTFIX,
     "anvil limits how often a client may connect (smtpd_client_connection_rate_limit)."},
    {MTA_SENDMAIL, "look at ConnectionRateThrottle."},
    {MTA_EXIM, "look at smtp_accept_max."},
    {.text = NULL},
};

/* Outcomes of `plain` that do not answer the question: why, and the remedy. */
static const struct {
    enum outcome outcome;
    const char *why;
    const struct remedy *fix; /* NULL: fix_tls_required */
} obstacles[] = {
    {OUTCOME_GREYLISTED, "the server greylists, so its answer on relaying is still to come",
     REMEDIES({MTA_UNKNOWN,
               "Ask again in 10 minutes, from the same address, which 'check --wait 10m' "
               "does by itself, or exempt the probe's address from greylisting."})},
    {OUTCOME_DEFERRED, "a temporary error that says nothing of relaying",
     REMEDIES({MTA_UNKNOWN, "Read the server's log for what failed (a lookup, a filter, a full "
                            "queue), then ask again in 10 minutes, from the same address."})},
    {OUTCOME_CLIENT_REFUSED,
     "the server refuses the probe's own address or name, whatever it asks for",
     fix_client_refused},
    {OUTCOME_SENDER_REFUSED, "the server refuses the sender before it looks at the recipient",
     REMEDIES(
         {MTA_UNKNOWN,
          "The sender is the canary's address. Its domain must resolve from the server and have an "
          "MX, its mailbox must exist, and its SPF record must allow the probe's address."})},
    {OUTCOME_RECIPIENT_REFUSED, "the server refuses the recipient for a reason other than relaying",
     REMEDIES({MTA_UNKNOWN,
               "The recipient is the canary's address. Its domain must resolve from the server and "
               "take mail (an MX, and not a null MX), and its mailbox must exist."})},
    {OUTCOME_TLS_REQUIRED, "the server answers only under TLS", NULL},
    {OUTCOME_CLOSING, "the server ended the connection instead of answering", fix_closing},
};

/* Replies that say less than their senders know. */
static const struct {
    enum outcome outcome;
    const char *words; /* in the reply, in whatever case */
    const struct remedy *fix;
} laconic[] = {
    /* AsyncOS User Guide, "Accepting or Rejecting Connections Based on Domain Name or Recipient
     * Address" */
    {OUTCOME_RECIPIENT_REFUSED, "#5.1.0 Address rejected",
     REMEDIES({MTA_UNKNOWN,
               "Cisco's gateway says this of whatever its Recipient Access Table does not accept: "
               "outside "
               "recipients, but mailboxes that are not there as well, so it does not tell that "
               "relaying is "
               "refused. Give the table's last entry, All Other Recipients, which has to stay on "
               "Reject, a "
               "custom SMTP response that does: code 550, text '5.7.1 Relaying denied'. Whom the "
               "gateway "
               "relays for all the same is in the listener's Host Access Table, under RELAY."})},
};

static const struct remedy *laconic_fix(const struct technique_result *plain)
{
    for (size_t i = 0; i < sizeof(laconic) / sizeof(laconic[0]); i++) {
        if (plain->outcome == laconic[i].outcome &&
            strcasestr(plain->text, laconic[i].words) != NULL) {
            return laconic[i].fix;
        }
    }
    return NULL;
}

static void explain_unasked(struct endpoint_result *result, const struct technique_result *plain)
{
    diagnosis_say(result->why, sizeof(result->why),
                  "Whether this server relays is not known, for the plain request got no answer");
    diagnosis_end(result->why, sizeof(result->why),
                  result->trouble[0] == '\0' && plain != NULL ? plain->text : result->trouble);
    remedies_add(&result->fix, MTA_UNKNOWN,
                 "Read the server's log for this connection, and ask again. A server that is slow "
                 "or bans the "
                 "probe needs a longer timeout or an exemption for the probe's address.");
}

static const struct remedy fix_exhausted[] = {
    {MTA_UNKNOWN,
     "Raise the limit on open files where the probe runs (ulimit -n; LimitNOFILE= of a systemd "
     "unit), or set probe { max_connections } lower, or name fewer targets at once, and ask "
     "again."},
    {.text = NULL},
};

static const struct remedy fix_tls_failed[] = {
    {MTA_UNKNOWN,
     "The server offers STARTTLS, but it failed: mend the server's certificate and TLS settings."},
    {.text = NULL},
};

static const struct remedy fix_tls_unused[] = {
    {MTA_UNKNOWN, "Set tls = auto or tls = starttls for this target."},
    {.text = NULL},
};

static const struct remedy fix_tls_missing[] = {
    {MTA_UNKNOWN, "The server does not offer STARTTLS here, so nobody can do what it asks for: "
                  "enable it, or look for whatever hides it on the way."},
    {MTA_POSTFIX, "set smtpd_tls_security_level, with a certificate."},
    {MTA_SENDMAIL, "set ServerCertFile."},
    {MTA_EXIM, "set tls_advertise_hosts."},
    {.text = NULL},
};

/* The server asks for TLS in a session without. */
static const struct remedy *fix_tls_required(const struct endpoint_result *result)
{
    if (result->tls_trouble[0] != '\0') {
        return fix_tls_failed;
    }
    return result->starttls_offered || result->endpoint.tls_asked == TLS_NONE ? fix_tls_unused
                                                                              : fix_tls_missing;
}

/* So much of a reply's text is quoted. */
#define QUOTED_SIZE 120

/* "550 5.1.1 'Unknown mailbox' (recipient-refused)". */
static void quote_reply(struct endpoint_result *result, const struct technique_result *asked)
{
    char text[QUOTED_SIZE] = "";

    diagnosis_say(text, sizeof(text), "%s", asked->text);
    diagnosis_say(result->why, sizeof(result->why), "%d%s%s%s%s%s (%s)", asked->code,
                  asked->enhanced[0] != '\0' ? " " : "", asked->enhanced,
                  text[0] != '\0' ? " '" : "", text, text[0] != '\0' ? "'" : "",
                  outcome_name(asked->outcome));
}

void diagnosis_explain_unanswered(struct endpoint_result *result,
                                  const struct technique_result *plain)
{
    if (result->proxied) {
        diagnosis_say(result->why, sizeof(result->why),
                      "Whether this server relays is not known: it serves only those that send a "
                      "PROXY header, any stranger too, and refused those that claimed to be its "
                      "own host. Other addresses that it may trust can be claimed as well.");
        remedies_add_rows(&result->fix, diagnosis_fix_proxy, mta_recognise(result));
        return;
    }
    if (plain == NULL || !plain->asked) {
        explain_unasked(result, plain);
        return;
    }
    for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
        if (obstacles[i].outcome == plain->outcome) {
            const struct remedy *fix = laconic_fix(plain);
            if (fix == NULL) {
                fix = obstacles[i].fix != NULL ? obstacles[i].fix : fix_tls_required(result);
            }
            diagnosis_say(result->why, sizeof(result->why),
                          "Whether this server relays is not known: %s was answered ",
                          plain->at_mail ? "the sender" : "the plain request");
            quote_reply(result, plain);
            diagnosis_say(result->why, sizeof(result->why), ": %s.", obstacles[i].why);
            remedies_add_rows(&result->fix, fix, mta_recognise(result));
            return;
        }
    }
}

/* `plain` was refused, and nothing was granted, but that is not all. */
void diagnosis_explain_open_questions(struct endpoint_result *result,
                                      const struct evidence_tally *tally)
{
    const char *comma = "";

    diagnosis_say(
        result->why, sizeof(result->why),
        "Asked plainly, relaying is refused, but whether it is in other ways is not known");
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (evidence_of(asked) == EVIDENCE_UNANSWERED && evidence_is_open_question(asked)) {
            diagnosis_say(result->why, sizeof(result->why), "%s%s", comma[0] != '\0' ? comma : ": ",
                          asked->technique->id);
            diagnosis_say(result->why, sizeof(result->why),
                          asked->unconfirmed ? " got replies out of step" : " was answered %d (%s)",
                          asked->code, outcome_name(asked->outcome));
            comma = ", ";
        }
    }
    if (tally->likeness_passed && tally->open_questions == 0) {
        diagnosis_say(
            result->why, sizeof(result->why),
            ": an outside domain that looks like the site's was refused, and not for "
            "relaying, where a made-up subdomain of the site's was refused for it. So the "
            "server may relay to whatever has the site's domain in it.");
        remedies_add(&result->fix, MTA_UNKNOWN,
                     "Look for a pattern of own or relayed domains that is not anchored at both "
                     "ends, or has an unescaped dot. To have it answered: give the canary's domain "
                     "a wildcard record (A or MX) in DNS, and ask again.");
        return;
    }
    if (tally->open_questions > 0) {
        diagnosis_say(result->why, sizeof(result->why),
                      ". Such an answer mostly comes from behind the relay restrictions.");
        remedies_add(
            &result->fix, MTA_UNKNOWN,
            "Ask again in 10 minutes, from the same address ('check --wait 10m' does so by "
            "itself). If the server greylists, "
            "exempt the probe's address from that, and if an error lasts, read the "
            "server's log for what fails (a lookup, a filter, a full queue).");
        return;
    }
    if (result->exhausted) {
        diagnosis_say(result->why, sizeof(result->why),
                      ", for a limit of the probe's own was reached");
        diagnosis_end(result->why, sizeof(result->why), result->trouble);
        remedies_add_rows(&result->fix, fix_exhausted, MTA_UNKNOWN);
        return;
    }
    diagnosis_say(result->why, sizeof(result->why),
                  ": max_refusals was used up before every technique had been asked.");
    remedies_add(&result->fix, MTA_UNKNOWN,
                 "Set probe { max_refusals } higher (the default is 64).");
}

void diagnosis_explain_inside(struct endpoint_result *result, enum inside inside)
{
    static const char *const reasons[] = {
        [INSIDE_NOT] = "",
        [INSIDE_DECLARED] = "the vantage is declared to be inside",
        [INSIDE_TRUSTED] = "its address is in the site's trusted_networks",
        [INSIDE_SAME_ADDRESS] = "both ends of the connection have the same address",
        [INSIDE_SEEN] = "the MTA sees it under an address of its own that the site trusts",
    };
    char source[ADDRESS_TEXT_SIZE];

    diagnosis_say(
        result->why, sizeof(result->why),
        "Relaying was granted to %s, but %s, so this does not show what strangers are granted.",
        address_format(&result->source, source), reasons[inside]);
    remedies_add(&result->fix, MTA_UNKNOWN,
                 "Ask from a host outside the trusted networks: run the probe there, or set probe "
                 "{ source } to an "
                 "address that the site does not trust.");
}

/* ---- not asked ----------------------------------------------------------------------- */

static const struct {
    const char *why;
    const struct remedy *fix;
} reaches[] = {
    [REACH_NO_ADDRESS] =
        {"No address was found to ask",
         REMEDIES({MTA_UNKNOWN,
                   "Check the target's name in the configuration and its MX, A and AAAA records. "
                   "If no resolver answers, set probe { resolvers } to ones that do."})},
    [REACH_PRIVATE] = {"This address was not connected to",
                       REMEDIES({MTA_UNKNOWN,
                                 "If it is a server of yours, add its network to site { "
                                 "trusted_networks }, or name the address itself as a target's "
                                 "host. Else take it out of DNS: strangers cannot reach it."})},
    [REACH_NO_CONNECT] =
        {"No connection could be made",
         REMEDIES(
             {MTA_UNKNOWN,
              "Check that the server runs and listens on this address and port, and that no "
              "firewall stands between; if it shall not be reachable, take it off the targets."})},
    [REACH_NO_GREETING] =
        {"The server took the connection but gave no service",
         REMEDIES(
             {MTA_UNKNOWN, "Read the server's log."},
             {MTA_POSTFIX,
              "it ends or starves every connection so while neither smtpd_relay_restrictions nor "
              "smtpd_recipient_restrictions has a working reject_unauth_destination (the log has "
              "'fatal: in parameter smtpd_relay_restrictions ... specify at least one working "
              "instance of'): set " DIAGNOSIS_POSTFIX_DEFAULT "."},
             {MTA_UNKNOWN, "If it is silent, it may wait for TLS: set tls = implicit for this "
                           "target. A listener behind a load balancer may wait for a PROXY header. "
                           "Else look for a ban of the probe's address (fail2ban, a firewall)."})},
    [REACH_NO_TLS] =
        {"The server took the connection, but no TLS came about on it",
         REMEDIES({MTA_UNKNOWN,
                   "Set tls of this target to what the port speaks: implicit, where TLS begins "
                   "with the first octet (port 465), starttls, where SMTP offers it, or none. If "
                   "it is right, mend the server's certificate and TLS settings."})},
    [REACH_NO_CLAIM] = {"Whether this server relays for strangers is not known, for the probe may "
                        "not claim the address that the vantage is",
                        REMEDIES({MTA_POSTFIX, "add this host's address, and no network, to "
                                               "smtpd_authorized_xclient_hosts, and reload."},
                                 {MTA_UNKNOWN, "Where the server has no XCLIENT, run the probe on "
                                               "a host outside and set vantage = outside."})},
    [REACH_NO_SESSION] =
        {"The server greeted, but no SMTP session came about",
         REMEDIES({MTA_UNKNOWN, "Check that the port speaks SMTP in the TLS mode that is set for "
                                "this target, and read the server's log for this connection."})},
};

/* The probe's view, before the sentence of what went wrong. */
static const char *reach_why(const struct endpoint_result *result)
{
    if (result->exhausted) {
        return "A limit of the probe's own was reached, so nothing was asked";
    }
    if (result->reach == REACH_NO_GREETING && result->greeting_names_client) {
        return "The server refuses the probe's own address (client-refused)";
    }
    if (result->no_route) {
        return "The probe's own host has no way to this address";
    }
    return result->reach == REACH_NO_SESSION && result->banner[0] == '\0'
               ? "The service on this port speaks no SMTP"
               : reaches[result->reach].why;
}

/* A server that says so in its greeting is at work: it waits for nothing, and Postfix without
 * working restrictions says nothing. */
static const struct remedy fix_refused[] = {
    {MTA_UNKNOWN,
     "Read the server's log for this connection. It may be shut for maintenance, serve too many at "
     "once, or have the probe's address on a list (postscreen, fail2ban)."},
    {MTA_POSTFIX, "too many at once: smtpd_client_connection_count_limit, stress."},
    {MTA_SENDMAIL, "too many at once: RefuseLA, ConnectionRateThrottle."},
    {MTA_EXIM, "too many at once: smtp_accept_max, smtp_load_reserve."},
    {.text = NULL},
};

static const struct remedy fix_source[] = {
    {MTA_UNKNOWN, "Set probe { source } to an address of this host."},
    {.text = NULL},
};

static const struct remedy fix_no_ipv6[] = {
    {MTA_UNKNOWN, "Give the probe's host an IPv6 address and a route, or run the probe where there "
                  "is one: what is open is often open on IPv6 alone. If it shall not be asked, "
                  "name the IPv4 address as the target's host."},
    {.text = NULL},
};

static const struct remedy fix_no_route[] = {
    {MTA_UNKNOWN, "Give the probe's host a route to it, or run the probe where there is one."},
    {.text = NULL},
};

static const struct remedy *reach_fix(const struct endpoint_result *result)
{
    if (result->exhausted) {
        return fix_exhausted;
    }
    if (result->unusable_source) {
        return fix_source;
    }
    if (result->no_route) {
        return result->endpoint.address.family == ADDRESS_IPV6 ? fix_no_ipv6 : fix_no_route;
    }
    if (result->reach == REACH_NO_GREETING && result->greeting_names_client) {
        return fix_client_refused;
    }
    return result->reach == REACH_NO_GREETING && result->banner[0] != '\0'
               ? fix_refused
               : reaches[result->reach].fix;
}

void diagnosis_explain_reach(struct endpoint_result *result)
{
    diagnosis_say(result->why, sizeof(result->why), "%s", reach_why(result));
    diagnosis_end(result->why, sizeof(result->why), result->trouble);
    remedies_add_rows(&result->fix, reach_fix(result), mta_recognise(result));
}
