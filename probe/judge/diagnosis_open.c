#include "probe/judge/diagnosis.h"

#include <string.h>

#define POSTFIX_DEFAULT DIAGNOSIS_POSTFIX_DEFAULT

#define LIST_SIZE 160 /* of the techniques that a sentence names */

static const char fix_unconditional[] =
    "Find what trusts this client. Look up this test in the mail log: if the server saw a "
    "gateway's or container's "
    "address, NAT or a proxy hides strangers behind a trusted one. Postfix: narrow mynetworks (and "
    "mynetworks_style); in front of reject_unauth_destination have no check_client_access or "
    "check_helo_access map that "
    "answers OK; mind -o overrides in master.cf and a relay_domains that matches everything; "
    "set " POSTFIX_DEFAULT
    ". Sendmail: remove FEATURE(promiscuous_relay) and RELAY lines for wide networks from access "
    "and relay-domains. Exim: narrow relay_from_hosts, which 'accept hosts = +relay_from_hosts' "
    "lets through, and end "
    "the RCPT ACL with 'require domains = +local_domains : +relay_to_domains'.";

static const char fix_sender_trusted[] =
    "Postfix: in smtpd_relay_restrictions and smtpd_recipient_restrictions remove "
    "check_sender_access maps that answer "
    "OK, or move them behind reject_unauth_destination; set " POSTFIX_DEFAULT
    ". Sendmail: remove FEATURE(relay_local_from), FEATURE(relay_mail_from) and From: lines with "
    "RELAY from the access "
    "map. Exim: remove 'accept senders' and 'accept sender_domains' in front of 'require message = "
    "relay not "
    "permitted' in the RCPT ACL. Let people who write from outside authenticate on the submission "
    "port.";

static const char fix_routing_form[] =
    "Postfix: set allow_untrusted_routing = no, put reject_unauth_destination in front of every "
    "check_recipient_access "
    "map that answers OK for the own domain (" POSTFIX_DEFAULT
    "), and mind content filters that unwrap addresses. Sendmail: remove "
    "FEATURE(loose_relay_check). Exim: "
    "unset percent_hack_domains, remove redirect routers that rewrite such local parts, and keep "
    "the stock ACL's 'deny "
    "local_parts = ^[.] : ^.*[@%!/|]'. If this host relays to a second one, that one may be what "
    "unwraps: close both.";

static const char fix_helo_trusted[] =
    "Anybody can greet with any name. Postfix: in smtpd_relay_restrictions and "
    "smtpd_recipient_restrictions remove check_helo_access maps that answer OK, or move them "
    "behind reject_unauth_destination; set " POSTFIX_DEFAULT
    ". Sendmail: remove local rules that look at the client's greeting ($&s) in Local_check_rcpt. "
    "Exim: remove 'accept' statements with a condition on $sender_helo_name in front of 'require "
    "message = relay not permitted' in the RCPT ACL. Let people who write from outside "
    "authenticate on the submission port.";

static const char fix_destination[] =
    "Postfix: let relay_domains, mydestination, virtual_mailbox_domains and virtual_alias_domains "
    "name only the site's domains (regular expressions need both ends anchored, and a map with "
    "static: matches everything), have no check_recipient_access map that answers OK for others, "
    "no permit_mx_backup without permit_mx_backup_networks; set " POSTFIX_DEFAULT
    ". Sendmail: remove FEATURE(relay_based_on_MX), and from relay-domains and the To: lines of "
    "the access map with RELAY what is not the site's. Exim: narrow the domain lists "
    "local_domains and relay_to_domains ('*' and @mx_any match strangers' domains).";

const char diagnosis_fix_proxy[] =
    "Let only the balancer or proxy connect to this port, by a firewall, or have the listener on "
    "an address that only it reaches: a PROXY header is believed from whoever sends it. Postfix: "
    "smtpd_upstream_proxy_protocol and postscreen_upstream_proxy_protocol know no list of hosts; "
    "take them off listeners that strangers reach. Exim: list only the proxies in hosts_proxy. "
    "OpenSMTPD: take proxy-v2 off the listener.";

const char diagnosis_fix_xclient[] =
    "Postfix: list in smtpd_authorized_xclient_hosts only the proxies that need it, by address, "
    "and reload; it is empty by default. Exim: likewise hosts_xclient.";

const char diagnosis_fix_anonymous[] =
    "Do not offer ANONYMOUS. Postfix: have noanonymous in smtpd_sasl_security_options and "
    "smtpd_sasl_tls_security_options, and let no rule (check_sasl_access, reject_unlisted, a "
    "policy service) take the login anonymous for a user. Cyrus SASL: leave ANONYMOUS out of "
    "mech_list. Exim: remove the authenticator with public_name = ANONYMOUS. Dovecot: remove "
    "anonymous from auth_mechanisms. Sendmail: leave it out of TRUST_AUTH_MECH and "
    "confAUTH_MECHANISMS.";

/* ---- who is trusted ------------------------------------------------------------------ */

/* The senders that are trusted, as one sentence can name them. */
static const struct {
    const char *words;
    const char *ids; /* each with a space on both sides */
} claims[] = {
    {"the null sender <>", " null-sender "},
    {"a sender in the site's own domain", " own-sender own-user-sender bang-sender "},
    {"a sender at the server's own name or address",
     " literal-sender host-sender greeted-sender ehlo-sender localhost-sender "},
    {"a sender without a domain", " bare-sender "},
    {"another submitter (AUTH=)", " auth-null auth-own "},
};

static bool is_named(const char *ids, const char *id)
{
    const char *at = strstr(ids, id);

    return at != NULL && at[-1] == ' ' && at[strlen(id)] == ' ';
}

static bool is_granted(const struct endpoint_result *result, const char *ids)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (grant_of(asked) == GRANT_PROVEN && is_named(ids, asked->technique->id)) {
            return true;
        }
    }
    return false;
}

static void name_claims(char *out, size_t size, const struct endpoint_result *result)
{
    const char * or = "";

    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        if (is_granted(result, claims[i].ids)) {
            diagnosis_say(out, size, "%s%s", or, claims[i].words);
            or = " or ";
        }
    }
}

static void explain_trust(struct endpoint_result *result, const struct grant_tally *tally,
                          const char *source)
{
    char claimed[LIST_SIZE] = "";
    bool by_helo = result->cause == CAUSE_HELO_TRUSTED;

    if (tally->plain == GRANT_PROVEN) {
        diagnosis_say(claimed, sizeof(claimed), "%s that the probe %s",
                      by_helo ? "the name" : "the outside sender",
                      by_helo ? "greets with" : "writes as");
    } else if (by_helo) {
        diagnosis_say(claimed, sizeof(claimed), "a name of the site's own as its greeting");
    } else {
        name_claims(claimed, sizeof(claimed), result);
    }
    diagnosis_say(result->why, sizeof(result->why),
                  "A stranger (%s) may send mail to anybody: relaying is granted to whoever claims "
                  "%s, and refused to others. Anybody can claim that.",
                  source, claimed);
    diagnosis_say(result->fix, sizeof(result->fix), "%s",
                  by_helo ? fix_helo_trusted : fix_sender_trusted);
}

/* ---- what is granted ----------------------------------------------------------------- */

static void explain_destination(struct endpoint_result *result, const struct grant_tally *tally,
                                const char *source)
{
    diagnosis_say(result->why, sizeof(result->why),
                  tally->plain == GRANT_PROVEN
                      ? "A stranger (%s) may send mail to outside domains: the server takes the "
                        "recipient's domain for one of those that it takes mail for, for it "
                        "refuses the same mailbox wrapped in another address."
                      : "A stranger (%s) may send mail to other hosts: the server takes any "
                        "address literal for a destination of its own.",
                  source);
    diagnosis_say(result->fix, sizeof(result->fix), "%s", fix_destination);
}

static void explain_routing(struct endpoint_result *result, const struct grant_tally *tally,
                            const char *source)
{
    bool worded = tally->by[TECHNIQUE_BY_ROUTE][GRANT_PROVEN] +
                      tally->by[TECHNIQUE_BY_WRAPPING][GRANT_PROVEN] +
                      tally->by[TECHNIQUE_BY_SUBDOMAIN][GRANT_PROVEN] ==
                  0;

    diagnosis_say(result->why, sizeof(result->why),
                  "A stranger (%s) may send mail to anybody by %s; asked plainly, relaying %s.",
                  source, worded ? "writing the request in another way" : "wrapping the address",
                  tally->plain == GRANT_REFUSED ? "is refused" : "got no clear answer");
    diagnosis_say(result->fix, sizeof(result->fix), "%s", fix_routing_form);
}

/* Who anybody can say to be. */
static const struct {
    enum cause cause;
    const char *why; /* after "A stranger (ADDRESS) may send mail to anybody" */
    const char *fix;
} identities[] = {
    {CAUSE_ANONYMOUS_AUTH,
     "by logging in as nobody: AUTH ANONYMOUS, which needs no secret, counts as authentication. "
     "Asked without it, relaying is refused.",
     diagnosis_fix_anonymous},
    {CAUSE_XCLIENT,
     "by claiming another address or a login with XCLIENT, which the server takes from strangers. "
     "Asked without it, relaying is refused.",
     diagnosis_fix_xclient},
    {CAUSE_PROXY_PROTOCOL,
     "by claiming a trusted address in a PROXY header: the listener believes the header of "
     "whoever connects.",
     diagnosis_fix_proxy},
};

static bool explain_identity(struct endpoint_result *result, const char *source)
{
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        if (identities[i].cause == result->cause) {
            diagnosis_say(result->why, sizeof(result->why),
                          "A stranger (%s) may send mail to anybody %s", source, identities[i].why);
            diagnosis_say(result->fix, sizeof(result->fix), "%s", identities[i].fix);
            return true;
        }
    }
    return false;
}

/* Why, where the grants tell no cause. */
static const char *untold(const struct grant_tally *tally)
{
    if (tally->plain == GRANT_PROVEN) {
        return tally->by[TECHNIQUE_BY_CLEAR][GRANT_REFUSED] > 0
                   ? "inside TLS, the server accepted an outside recipient from an outside sender, "
                     "which it refuses in the clear"
                   : "the server accepted an outside recipient from an outside sender";
    }
    if (tally->plain == GRANT_REFUSED && tally->by[TECHNIQUE_BY_SEQUENCE][GRANT_PROVEN] > 0) {
        return "the server accepted an outside recipient after a local one";
    }
    if (tally->plain == GRANT_REFUSED && tally->by[TECHNIQUE_BY_CLEAR][GRANT_PROVEN] > 0) {
        return "in the clear, the server accepted an outside recipient that it refuses inside TLS";
    }
    return "the server accepted an outside recipient, though the plain request got no clear answer";
}

static void explain_unconditional(struct endpoint_result *result, const struct grant_tally *tally,
                                  const char *source)
{
    diagnosis_say(result->why, sizeof(result->why),
                  "A stranger (%s) may send mail to anybody: %s. The replies do not tell what lets "
                  "this client through.",
                  source, untold(tally));
    diagnosis_say(result->fix, sizeof(result->fix), "%s", fix_unconditional);
}

void diagnosis_explain_open(struct endpoint_result *result, const struct grant_tally *tally)
{
    char granted[LIST_SIZE] = "";
    char source[ADDRESS_TEXT_SIZE];

    diagnosis_list(granted, sizeof(granted), result, GRANT_PROVEN);
    address_format(&result->source, source);
    if (result->cause == CAUSE_SENDER_TRUSTED || result->cause == CAUSE_HELO_TRUSTED) {
        explain_trust(result, tally, source);
    } else if (result->cause == CAUSE_DESTINATION_TOO_WIDE) {
        explain_destination(result, tally, source);
    } else if (result->cause == CAUSE_ROUTING_FORM) {
        explain_routing(result, tally, source);
    } else if (!explain_identity(result, source)) {
        explain_unconditional(result, tally, source);
    }
    diagnosis_say(result->why, sizeof(result->why), " Granted: %s.", granted);
}
