#include "probe/judge/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probe/smtp/reply/reply_class.h"

#define POSTFIX_DEFAULT DIAGNOSIS_POSTFIX_DEFAULT

#define LIST_SIZE 160 /* of the techniques that a sentence names */

void diagnosis_say(char *out, size_t size, const char *format, ...)
{
    size_t start = strlen(out);
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(out + start, size - start, format, arguments);
    va_end(arguments);
    if (length < 0) {
        out[start] = '\0';
        return;
    }
    if ((size_t)length < size - start) {
        return;
    }
    /* Cut: back to where the last character began, for it may be a part of one. */
    size_t end = size - 1;
    while (end > start && ((unsigned char)out[end - 1] & 0xC0) == 0x80) {
        end--;
    }
    if (end > start && ((unsigned char)out[end - 1] & 0x80) != 0) {
        end--;
    }
    out[end] = '\0';
}

/* Room for " and NNNN more". */
#define LIST_REST 16

void diagnosis_list(char *out, size_t size, const struct endpoint_result *result, enum grant grant)
{
    const char *comma = "";
    size_t left_out = 0;

    for (size_t i = 0; i < result->technique_count; i++) {
        const char *id = result->techniques[i].technique->id;
        if (result->techniques[i].absent || grant_of(&result->techniques[i]) != grant) {
            continue;
        }
        if (left_out > 0 || strlen(out) + strlen(comma) + strlen(id) + LIST_REST > size) {
            left_out++;
            continue;
        }
        diagnosis_say(out, size, "%s%s", comma, id);
        comma = ", ";
    }
    if (left_out > 0) {
        diagnosis_say(out, size, " and %zu more", left_out);
    }
}

/* ---- cause --------------------------------------------------------------------------- */

/* How many firm refusals of one kind it takes to say that this kind is refused. */
#define REFUSALS_THAT_TELL 2

static bool refused_throughout(const size_t grants[GRANTS])
{
    return grants[GRANT_PROVEN] == 0 && grants[GRANT_UNCERTAIN] == 0 &&
           grants[GRANT_REFUSED] >= REFUSALS_THAT_TELL;
}

/* `plain` is granted: what is refused throughout tells what the grant depends on, if it is one
 * thing. */
static enum cause cause_of_plain(const struct grant_tally *tally)
{
    const struct {
        bool refused;
        enum cause cause;
    } hints[] = {
        {refused_throughout(tally->claimed), CAUSE_SENDER_TRUSTED},
        {refused_throughout(tally->by[TECHNIQUE_BY_HELO]), CAUSE_HELO_TRUSTED},
        /* A trusted client may write to whatever it likes, a recipient in a domain that the server
         * takes mail for to that domain. */
        {tally->subdomain_denied, CAUSE_DESTINATION_TOO_WIDE},
    };
    enum cause cause = CAUSE_NONE;

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (hints[i].refused) {
            cause = cause == CAUSE_NONE ? hints[i].cause : CAUSE_UNCONDITIONAL;
        }
    }
    return cause != CAUSE_NONE ? cause : CAUSE_UNCONDITIONAL;
}

/* What a grant that `plain` has not differs in, and the cause that this names. */
static const struct {
    enum technique_trait trait;
    enum cause cause;
} differences[] = {
    {TECHNIQUE_BY_SENDER, CAUSE_SENDER_TRUSTED},
    {TECHNIQUE_BY_HELO, CAUSE_HELO_TRUSTED},
    {TECHNIQUE_BY_ROUTE, CAUSE_ROUTING_FORM},
    {TECHNIQUE_BY_WRAPPING, CAUSE_ROUTING_FORM},
    {TECHNIQUE_BY_WORDING, CAUSE_ROUTING_FORM},
    {TECHNIQUE_BY_DESTINATION, CAUSE_DESTINATION_TOO_WIDE},
    /* Where the control was accepted too, the server takes whatever is below its domain. */
    {TECHNIQUE_BY_SUBDOMAIN, CAUSE_ROUTING_FORM},
    {TECHNIQUE_BY_ANONYMOUS, CAUSE_ANONYMOUS_AUTH},
    {TECHNIQUE_BY_XCLIENT, CAUSE_XCLIENT},
    {TECHNIQUE_BY_PROXY, CAUSE_PROXY_PROTOCOL},
    {TECHNIQUE_BY_SEQUENCE, CAUSE_UNCONDITIONAL},
    {TECHNIQUE_BY_CLEAR, CAUSE_UNCONDITIONAL},
};

bool diagnosis_may_show(enum technique_trait trait, enum cause cause)
{
    if (cause == CAUSE_DISCARDED_OR_HIDDEN ||
        (cause == CAUSE_DESTINATION_TOO_WIDE && trait == TECHNIQUE_BY_SUBDOMAIN)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        if (differences[i].trait == trait && differences[i].cause == cause) {
            return true;
        }
    }
    return false;
}

/* `plain` is refused: what is granted differs from it in something. */
static enum cause cause_of_difference(const struct grant_tally *tally, enum grant grant)
{
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        enum technique_trait trait = differences[i].trait;
        if (tally->by[trait][grant] > 0) {
            return trait == TECHNIQUE_BY_SUBDOMAIN && grant == GRANT_UNCERTAIN
                       ? CAUSE_DESTINATION_TOO_WIDE
                       : differences[i].cause;
        }
    }
    return CAUSE_NONE;
}

enum cause diagnosis_cause(const struct grant_tally *tally)
{
    if (tally->plain == GRANT_PROVEN) {
        return cause_of_plain(tally);
    }
    enum grant grant = tally->count[GRANT_PROVEN] > 0 ? GRANT_PROVEN : GRANT_UNCERTAIN;
    enum cause cause = cause_of_difference(tally, grant);
    /* Trust in who asks or writes shows only where another was refused. Where a PROXY header is
     * demanded there is nobody without. */
    bool trust = cause == CAUSE_SENDER_TRUSTED || cause == CAUSE_HELO_TRUSTED ||
                 cause == CAUSE_ANONYMOUS_AUTH || cause == CAUSE_XCLIENT;
    return tally->plain != GRANT_REFUSED && trust ? CAUSE_UNCONDITIONAL : cause;
}

/* ---- suspected and closed ------------------------------------------------------------ */

/* What is known of the controls of the uncertain. */
struct controls {
    bool accepted;
    bool put_off;
};

static struct controls look_at_controls(const struct endpoint_result *result)
{
    struct controls controls = {.accepted = false};

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (grant_of(asked) == GRANT_UNCERTAIN && asked->control_asked) {
            controls.accepted |= asked->control == OUTCOME_ACCEPTED;
            controls.put_off |= outcome_is_temporary(asked->control);
        }
    }
    return controls;
}

static void explain_suspected(struct endpoint_result *result, const struct grant_tally *tally)
{
    char accepted[LIST_SIZE] = "";
    struct controls controls = look_at_controls(result);

    diagnosis_list(accepted, sizeof(accepted), result, GRANT_UNCERTAIN);
    diagnosis_say(
        result->why, sizeof(result->why), "Accepted, but perhaps as local mail: %s. %s. %s",
        accepted,
        controls.accepted
            ? "A harmless address of the same shape was accepted too, so the server may take any "
              "local part and relay nothing"
        : controls.put_off
            ? "A harmless address of the same shape was put off; if it is refused in the end, this "
              "is relaying"
            : "A harmless address of the same shape got no clear answer to compare with",
        tally->plain == GRANT_REFUSED ? "Asked plainly, relaying is refused."
                                      : "Asked plainly, relaying got no clear answer.");
    diagnosis_say(result->fix, sizeof(result->fix),
                  "%s the server where it sends these recipients: Postfix and Sendmail: 'sendmail "
                  "-bv ADDRESS'; Exim: "
                  "'exim -bt ADDRESS'. If it goes outside, close the routing form (Postfix "
                  "allow_untrusted_routing = "
                  "no; Sendmail without FEATURE(loose_relay_check); Exim without "
                  "percent_hack_domains). If it stays, "
                  "a catch-all takes it (Postfix luser_relay or an @domain entry of a map): "
                  "refusing unknown recipients "
                  "makes the answer certain.",
                  controls.put_off && !controls.accepted
                      ? "Ask again in 10 minutes, from the same address ('check --wait 10m' does "
                        "so by itself). Or ask"
                      : "Ask");
}

static void explain_closed(struct endpoint_result *result, const struct grant_tally *tally,
                           enum inside inside)
{
    const struct technique_result *plain = tally->plain_result;

    diagnosis_say(
        result->why, sizeof(result->why), "Relaying is refused%s: plain was answered %d%s%s (%s)",
        inside != INSIDE_NOT ? " even from inside" : "", plain->code,
        plain->enhanced[0] != '\0' ? " " : "", plain->enhanced, outcome_name(plain->outcome));
    if (tally->techniques > 1) {
        diagnosis_say(result->why, sizeof(result->why), ", and none of %zu techniques was accepted",
                      tally->techniques);
    }
    diagnosis_say(result->why, sizeof(result->why), ".");
    if (tally->count[GRANT_UNANSWERED] > 0) {
        diagnosis_say(result->why, sizeof(result->why), " %zu got no clear answer.",
                      tally->count[GRANT_UNANSWERED]);
    }
}

/* ---- inconclusive -------------------------------------------------------------------- */

/* What keeps an outcome of `plain` from answering, and what helps. */
static const struct {
    enum outcome outcome;
    const char *why;
    const char *fix;
} obstacles[] = {
    {OUTCOME_GREYLISTED, "the server greylists, so its answer on relaying is still to come",
     "Ask again in 10 minutes, from the same address, which 'check --wait 10m' does by itself, or "
     "exempt the probe's address from greylisting."},
    {OUTCOME_DEFERRED, "a temporary error that says nothing of relaying",
     "Read the server's log for what failed (a lookup, a filter, a full queue), then ask again in "
     "10 minutes, "
     "from the same address."},
    {OUTCOME_CLIENT_REFUSED,
     "the server refuses the probe's own address or name, whatever it asks for",
     "Give the probe's address a reverse name that resolves back to it, take it off the list that "
     "the reply names, or "
     "exempt it from that check, but never in front of reject_unauth_destination. On a submission "
     "port Postfix answers "
     "everybody so if smtpd_client_restrictions ends in reject: put permit_sasl_authenticated, "
     "reject into "
     "smtpd_relay_restrictions instead, and the answer says what is meant."},
    {OUTCOME_SENDER_REFUSED, "the server refuses the sender before it looks at the recipient",
     "The sender is the canary's address. Its domain must resolve from the server and have an MX, "
     "its mailbox must "
     "exist, and its SPF record must allow the probe's address."},
    {OUTCOME_RECIPIENT_REFUSED, "the server refuses the recipient for a reason other than relaying",
     "The recipient is the canary's address. Its domain must resolve from the server and take mail "
     "(an MX, and not a "
     "null MX), and its mailbox must exist."},
    {OUTCOME_TLS_REQUIRED, "the server answers only under TLS", NULL}, /* fix_tls_required */
    {OUTCOME_CLOSING, "the server ended the connection instead of answering",
     "Read the server's log. A limit (Postfix anvil, Exim smtp_accept_max, Sendmail "
     "ConnectionRateThrottle) or a ban "
     "(fail2ban, postscreen) ends connections so: wait, or exempt the probe's address."},
};

/* Replies that say less than their senders know. */
static const struct {
    enum outcome outcome;
    const char *words; /* in the reply, in whatever case */
    const char *fix;
} laconic[] = {
    /* AsyncOS User Guide, "Accepting or Rejecting Connections Based on Domain Name or Recipient
     * Address" */
    {OUTCOME_RECIPIENT_REFUSED, "#5.1.0 Address rejected",
     "Cisco's gateway says this of whatever its Recipient Access Table does not accept: outside "
     "recipients, but mailboxes that are not there as well, so it does not tell that relaying is "
     "refused. Give the table's last entry, All Other Recipients, which has to stay on Reject, a "
     "custom SMTP response that does: code 550, text '5.7.1 Relaying denied'. Whom the gateway "
     "relays for all the same is in the listener's Host Access Table, under RELAY."},
};

static const char *laconic_fix(const struct technique_result *plain)
{
    for (size_t i = 0; i < sizeof(laconic) / sizeof(laconic[0]); i++) {
        if (plain->outcome == laconic[i].outcome &&
            strcasestr(plain->text, laconic[i].words) != NULL) {
            return laconic[i].fix;
        }
    }
    return NULL;
}

static const char *obstacle_fix(enum outcome outcome)
{
    size_t i = 0;
    while (i + 1 < sizeof(obstacles) / sizeof(obstacles[0]) && obstacles[i].outcome != outcome) {
        i++;
    }
    return obstacles[i].fix;
}

/* Ends the sentence that `why` holds so far, with what is known of the trouble. */
static void end_with_trouble(struct endpoint_result *result, const char *trouble)
{
    size_t length = strlen(trouble);
    diagnosis_say(result->why, sizeof(result->why), "%s%s%s", length > 0 ? ": " : "", trouble,
                  length > 0 && trouble[length - 1] == '.' ? "" : ".");
}

static void explain_unasked(struct endpoint_result *result, const struct technique_result *plain)
{
    diagnosis_say(result->why, sizeof(result->why),
                  "Whether this server relays is not known, for the plain request got no answer");
    end_with_trouble(result,
                     result->trouble[0] == '\0' && plain != NULL ? plain->text : result->trouble);
    diagnosis_say(result->fix, sizeof(result->fix),
                  "Read the server's log for this connection, and ask again. A server that is slow "
                  "or bans the "
                  "probe needs a longer timeout or an exemption for the probe's address.");
}

static const char fix_exhausted[] =
    "Raise the limit on open files where the probe runs (ulimit -n; LimitNOFILE= of a systemd "
    "unit), or set probe { max_connections } lower, or name fewer targets at once, and ask again.";

/* The server asks for TLS in a session without. */
static const char *fix_tls_required(const struct endpoint_result *result)
{
    if (result->tls_trouble[0] != '\0') {
        return "STARTTLS is offered, but failed: mend the server's certificate and TLS settings.";
    }
    return result->starttls_offered || result->endpoint.tls_asked == TLS_NONE
               ? "Set tls = auto or tls = starttls for this target."
               : "The server does not offer STARTTLS here, so nobody can do what it asks for: "
                 "enable it (Postfix: smtpd_tls_security_level with a certificate; Sendmail: "
                 "ServerCertFile; Exim: tls_advertise_hosts), or look for what hides it on the "
                 "way.";
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

static void explain_unanswered(struct endpoint_result *result, const struct technique_result *plain)
{
    if (result->proxied) {
        diagnosis_say(result->why, sizeof(result->why),
                      "Whether this server relays is not known: it serves only those that send a "
                      "PROXY header, any stranger too, and refused those that claimed to be its "
                      "own host. Other addresses that it may trust can be claimed as well.");
        diagnosis_say(result->fix, sizeof(result->fix), "%s", diagnosis_fix_proxy);
        return;
    }
    if (plain == NULL || !plain->asked) {
        explain_unasked(result, plain);
        return;
    }
    for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
        if (obstacles[i].outcome == plain->outcome) {
            const char *fix = laconic_fix(plain);
            if (fix == NULL) {
                fix = obstacles[i].fix != NULL ? obstacles[i].fix : fix_tls_required(result);
            }
            diagnosis_say(result->why, sizeof(result->why),
                          "Whether this server relays is not known: %s was answered ",
                          plain->at_mail ? "the sender" : "the plain request");
            quote_reply(result, plain);
            diagnosis_say(result->why, sizeof(result->why), ": %s.", obstacles[i].why);
            diagnosis_say(result->fix, sizeof(result->fix), "%s", fix);
            return;
        }
    }
}

/* `plain` was refused, and nothing was granted, but that is not all. */
static void explain_open_questions(struct endpoint_result *result, const struct grant_tally *tally)
{
    const char *comma = "";

    diagnosis_say(
        result->why, sizeof(result->why),
        "Asked plainly, relaying is refused, but whether it is in other ways is not known");
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (grant_of(asked) == GRANT_UNANSWERED && grant_is_open_question(asked)) {
            diagnosis_say(result->why, sizeof(result->why), "%s%s", comma[0] != '\0' ? comma : ": ",
                          asked->technique->id);
            diagnosis_say(result->why, sizeof(result->why),
                          asked->unconfirmed ? " got replies out of step" : " was answered %d (%s)",
                          asked->code, outcome_name(asked->outcome));
            comma = ", ";
        }
    }
    if (tally->open_questions > 0) {
        diagnosis_say(result->why, sizeof(result->why),
                      ". Such an answer mostly comes from behind the relay restrictions.");
        diagnosis_say(
            result->fix, sizeof(result->fix),
            "Ask again in 10 minutes, from the same address ('check --wait 10m' does so by "
            "itself). If the server greylists, "
            "exempt the probe's address from that, and if an error lasts, read the "
            "server's log for what fails (a lookup, a filter, a full queue).");
        return;
    }
    if (result->exhausted) {
        diagnosis_say(result->why, sizeof(result->why),
                      ", for a limit of the probe's own was reached");
        end_with_trouble(result, result->trouble);
        diagnosis_say(result->fix, sizeof(result->fix), "%s", fix_exhausted);
        return;
    }
    diagnosis_say(result->why, sizeof(result->why),
                  ": max_refusals was used up before every technique had been asked.");
    diagnosis_say(result->fix, sizeof(result->fix),
                  "Set probe { max_refusals } higher (the default is 64).");
}

static void explain_inside(struct endpoint_result *result, enum inside inside)
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
    diagnosis_say(result->fix, sizeof(result->fix),
                  "Ask from a host outside the trusted networks: run the probe there, or set probe "
                  "{ source } to an "
                  "address that the site does not trust.");
}

/* ---- not asked ----------------------------------------------------------------------- */

static const struct {
    const char *why;
    const char *fix;
} reaches[] = {
    [REACH_NO_ADDRESS] =
        {"No address was found to ask",
         "Check the target's name in the configuration and its MX, A and AAAA records. If no "
         "resolver answers, set probe { resolvers } to ones that do."},
    [REACH_NO_CONNECT] = {"No connection could be made",
                          "Check that the server runs and listens on this address and port, and "
                          "that no firewall stands "
                          "between; if it shall not be reachable, take it off the targets."},
    [REACH_NO_GREETING] =
        {"The server took the connection but gave no service",
         "Read the server's log. Postfix ends or starves every connection so "
         "while neither smtpd_relay_restrictions nor "
         "smtpd_recipient_restrictions has a working reject_unauth_destination "
         "(the log has 'fatal: in parameter "
         "smtpd_relay_restrictions ... specify at least one working instance "
         "of'): set " POSTFIX_DEFAULT
         ". If it is silent, it may wait for TLS: set tls = implicit for this "
         "target. A listener behind a load balancer may wait for a PROXY header. Else look "
         "for a ban of the probe's address (fail2ban, a firewall)."},
    [REACH_NO_TLS] = {"The server took the connection, but no TLS came about on it",
                      "Set tls of this target to what the port speaks: implicit, where TLS begins "
                      "with the first octet (port 465), starttls, where SMTP offers it, or none. "
                      "If it is right, mend the server's certificate and TLS settings."},
    [REACH_NO_CLAIM] = {"Whether this server relays for strangers is not known, for the probe may "
                        "not claim the address that the vantage is",
                        "Postfix: add this host's address, and no network, to "
                        "smtpd_authorized_xclient_hosts, and reload. Where the server has no "
                        "XCLIENT, run the probe on a host outside and set vantage = outside."},
    [REACH_NO_SESSION] = {"The server greeted, but no SMTP session came about",
                          "Check that the port speaks SMTP in the TLS mode that is set for this "
                          "target, and read the "
                          "server's log for this connection."},
};

/* What it looks like from here, before the sentence of what went wrong. */
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
               ? "What answers on this port speaks no SMTP"
               : reaches[result->reach].why;
}

/* A server that says so in its greeting is at work: it waits for nothing, and Postfix without
 * working restrictions says nothing. */
static const char fix_refused[] =
    "Read the server's log for this connection. It may be shut for maintenance, serve too many at "
    "once (Postfix: smtpd_client_connection_count_limit, stress; Sendmail: RefuseLA, "
    "ConnectionRateThrottle; Exim: smtp_accept_max, smtp_load_reserve), or have the probe's "
    "address "
    "on a list (postscreen, fail2ban).";

static const char *reach_fix(const struct endpoint_result *result)
{
    if (result->exhausted) {
        return fix_exhausted;
    }
    if (result->unusable_source) {
        return "Set probe { source } to an address of this host.";
    }
    if (result->no_route) {
        return result->endpoint.address.family == ADDRESS_IPV6
                   ? "Give the probe's host an IPv6 address and a route, or run the probe where "
                     "there is one: what is open is often open on IPv6 alone. If it shall not be "
                     "asked, name the IPv4 address as the target's host."
                   : "Give the probe's host a route to it, or run the probe where there is one.";
    }
    if (result->reach == REACH_NO_GREETING && result->greeting_names_client) {
        return obstacle_fix(OUTCOME_CLIENT_REFUSED);
    }
    return result->reach == REACH_NO_GREETING && result->banner[0] != '\0'
               ? fix_refused
               : reaches[result->reach].fix;
}

static void explain_reach(struct endpoint_result *result)
{
    diagnosis_say(result->why, sizeof(result->why), "%s", reach_why(result));
    end_with_trouble(result, result->trouble);
    diagnosis_say(result->fix, sizeof(result->fix), "%s", reach_fix(result));
}

void diagnosis_explain(struct endpoint_result *result, const struct grant_tally *tally,
                       enum inside inside)
{
    result->why[0] = '\0';
    result->fix[0] = '\0';
    if (result->interrupted && result->verdict == VERDICT_INCONCLUSIVE) {
        diagnosis_say(result->why, sizeof(result->why),
                      "Whether this server relays is not known: the audit was interrupted before "
                      "everything was asked.");
        diagnosis_say(result->fix, sizeof(result->fix), "Ask again.");
    } else if (result->reach != REACH_SESSION) {
        explain_reach(result);
    } else if (result->verdict == VERDICT_OPEN) {
        diagnosis_explain_open(result, tally);
        diagnosis_explain_message(result);
    } else if (result->cause == CAUSE_DISCARDED_OR_HIDDEN && result->message.technique != NULL) {
        diagnosis_explain_doubt(result);
    } else if (result->verdict == VERDICT_SUSPECTED) {
        explain_suspected(result, tally);
    } else if (result->verdict == VERDICT_CLOSED) {
        explain_closed(result, tally, inside);
    } else if (tally->count[GRANT_PROVEN] > 0) {
        explain_inside(result, inside);
    } else if (tally->plain == GRANT_REFUSED) {
        explain_open_questions(result, tally);
    } else {
        explain_unanswered(result, tally->plain_result);
    }
    if (result->tls_trouble[0] != '\0') {
        diagnosis_say(result->why, sizeof(result->why),
                      " It was asked without TLS, for STARTTLS failed");
        end_with_trouble(result, result->tls_trouble);
    }
}
