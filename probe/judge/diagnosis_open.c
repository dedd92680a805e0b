#include "probe/judge/diagnosis_open.h"

#include <string.h>

#include "probe/judge/diagnosis_words.h"
#include "probe/judge/mta.h"

#define POSTFIX_DEFAULT DIAGNOSIS_POSTFIX_DEFAULT

#define LIST_SIZE DIAGNOSIS_LIST_SIZE

static const struct remedy fix_unconditional[] = {
    {MTA_UNKNOWN, "Find what trusts this client."},
    {MTA_UNKNOWN, "Look up this test in the mail log: if the server saw a gateway's or "
                  "container's address, NAT or a proxy hides strangers behind a trusted one."},
    {MTA_POSTFIX, "narrow mynetworks (and mynetworks_style); in front of "
                  "reject_unauth_destination have no check_client_access or check_helo_access map "
                  "that answers OK; mind -o overrides in master.cf and a relay_domains that "
                  "matches everything; set " POSTFIX_DEFAULT "."},
    {MTA_SENDMAIL, "remove FEATURE(promiscuous_relay) and RELAY lines for wide networks "
                   "from access and relay-domains."},
    {MTA_EXIM, "narrow relay_from_hosts, which 'accept hosts = +relay_from_hosts' lets "
               "through, and end the RCPT ACL with 'require domains = +local_domains : "
               "+relay_to_domains'."},
    {.text = NULL},
};

static const struct remedy fix_sender_trusted[] = {
    {MTA_POSTFIX, "in smtpd_relay_restrictions and smtpd_recipient_restrictions remove "
                  "check_sender_access maps that answer OK, or move them behind "
                  "reject_unauth_destination; set " POSTFIX_DEFAULT "."},
    {MTA_SENDMAIL, "remove FEATURE(relay_local_from), FEATURE(relay_mail_from) and From: "
                   "lines with RELAY from the access map."},
    {MTA_EXIM, "remove 'accept senders' and 'accept sender_domains' in front of 'require "
               "message = relay not permitted' in the RCPT ACL."},
    {MTA_UNKNOWN, "Let people who write from outside authenticate on the submission port."},
    {.text = NULL},
};

static const struct remedy fix_routing_form[] = {
    {MTA_POSTFIX, "set allow_untrusted_routing = no, put reject_unauth_destination in "
                  "front of every check_recipient_access map that answers OK for the own domain "
                  "(" POSTFIX_DEFAULT "), and mind content filters that unwrap addresses."},
    {MTA_SENDMAIL, "remove FEATURE(loose_relay_check)."},
    {MTA_EXIM, "unset percent_hack_domains, remove redirect routers that rewrite such local "
               "parts, and keep the stock ACL's 'deny local_parts = ^[.] : ^.*[@%!/|]'."},
    {MTA_UNKNOWN, "If this host relays to a second one, that one may be what unwraps: close both."},
    {.text = NULL},
};

static const struct remedy fix_helo_trusted[] = {
    {MTA_UNKNOWN, "Anybody can greet with any name."},
    {MTA_POSTFIX, "in smtpd_relay_restrictions and smtpd_recipient_restrictions remove "
                  "permit_naked_ip_address and check_helo_access maps that answer OK, or move them "
                  "behind reject_unauth_destination; set " POSTFIX_DEFAULT "."},
    {MTA_SENDMAIL, "remove local rules that look at the client's greeting ($&s) in "
                   "Local_check_rcpt."},
    {MTA_EXIM, "remove 'accept' statements with a condition on $sender_helo_name in front of "
               "'require message = relay not permitted' in the RCPT ACL."},
    {MTA_UNKNOWN, "Let people who write from outside authenticate on the submission port."},
    {.text = NULL},
};

static const struct remedy fix_destination[] = {
    {MTA_POSTFIX, "let relay_domains, mydestination, virtual_mailbox_domains and "
                  "virtual_alias_domains name only the site's domains (regular expressions need "
                  "both ends anchored and dots escaped, and a map with static: matches "
                  "everything), have no check_recipient_access map that answers OK for others, no "
                  "permit_mx_backup without permit_mx_backup_networks; set " POSTFIX_DEFAULT "."},
    {MTA_SENDMAIL, "remove FEATURE(relay_based_on_MX), and from relay-domains and the "
                   "To: lines of the access map with RELAY what is not the site's."},
    {MTA_EXIM, "narrow the domain lists local_domains and relay_to_domains ('*' and @mx_any "
               "match strangers' domains)."},
    {.text = NULL},
};

static const struct remedy fix_likeness[] = {
    {MTA_UNKNOWN, "A pattern matches a part of the address."},
    {MTA_POSTFIX, "anchor each regular expression of check_recipient_access, "
                  "relay_domains, mydestination and virtual_alias_domains at both ends and escape "
                  "its dots (/^[^@]+@example\\.org$/ for addresses, /^example\\.org$/ for "
                  "domains), or list domains in a hash table; let no check_recipient_access map "
                  "answer OK in front of reject_unauth_destination; set " POSTFIX_DEFAULT "."},
    {MTA_SENDMAIL, "have only whole domains in relay-domains and in the access map's "
                   "To: lines, and no rule of your own that looks for a part."},
    {MTA_EXIM, "anchor regular expressions (^...$) in local_domains, relay_to_domains and "
               "the RCPT ACL, and write example.org : *.example.org, for *example.org matches any "
               "name that ends so."},
    {.text = NULL},
};

const struct remedy diagnosis_fix_proxy[] = {
    {MTA_UNKNOWN, "Let only the balancer or proxy connect to this port, by a firewall, or have the "
                  "listener on an address that only it reaches: the server believes a PROXY header "
                  "from whoever sends it."},
    {MTA_POSTFIX, "smtpd_upstream_proxy_protocol and postscreen_upstream_proxy_protocol know no "
                  "list of hosts; take them off listeners that strangers reach."},
    {MTA_EXIM, "list only the proxies in hosts_proxy."},
    {MTA_UNKNOWN, "OpenSMTPD: take proxy-v2 off the listener."},
    {.text = NULL},
};

const struct remedy diagnosis_fix_xclient[] = {
    {MTA_UNKNOWN, "Offer XCLIENT to nobody but the proxies that need it."},
    {MTA_POSTFIX, "list in smtpd_authorized_xclient_hosts only the proxies that need it, by "
                  "address, and reload; it is empty by default."},
    {MTA_EXIM, "likewise hosts_xclient."},
    {.text = NULL},
};

const struct remedy diagnosis_fix_anonymous[] = {
    {MTA_UNKNOWN, "Do not offer ANONYMOUS."},
    {MTA_POSTFIX, "have noanonymous in smtpd_sasl_security_options and "
                  "smtpd_sasl_tls_security_options, and let no rule (check_sasl_access, "
                  "reject_unlisted, a policy service) take the login anonymous for a user."},
    {MTA_UNKNOWN, "Cyrus SASL: leave ANONYMOUS out of mech_list."},
    {MTA_EXIM, "remove the authenticator with public_name = ANONYMOUS."},
    {MTA_UNKNOWN, "Dovecot: remove anonymous from auth_mechanisms."},
    {MTA_SENDMAIL, "leave it out of TRUST_AUTH_MECH and confAUTH_MECHANISMS."},
    {.text = NULL},
};

/* ---- who is trusted ------------------------------------------------------------------ */

/* The senders that are trusted, as one sentence can name them. */
#define OWN_CLAIM 1
static const struct {
    const char *words;
    const char *ids; /* each with a space on both sides */
} claims[] = {
    {"the null sender <>", " null-sender "},
    {"a sender in the site's own domain", " own-sender own-user-sender bang-sender "},
    {"a sender whose domain has the site's in it", " own-in-sender "},
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
        if (evidence_of(asked) == EVIDENCE_PROVEN && is_named(ids, asked->technique->id)) {
            return true;
        }
    }
    return false;
}

/* Where the endpoint's own domain is not trusted, but others of the site's are: which. `ids`: the
 * techniques that claim such a domain. */
static void name_domains(char *out, size_t size, const struct endpoint_result *result,
                         const char *ids)
{
    const char *comma = " (";

    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (asked->own == NULL && evidence_of(asked) == EVIDENCE_PROVEN &&
            is_named(ids, asked->technique->id)) {
            return;
        }
    }
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if (asked->own != NULL && evidence_of(asked) == EVIDENCE_PROVEN &&
            is_named(ids, asked->technique->id) &&
            strlen(out) + strlen(asked->own) + sizeof(" (),") < size) {
            diagnosis_say(out, size, "%s%s", comma, asked->own);
            comma = ", ";
        }
    }
    diagnosis_say(out, size, "%s", comma[0] == ',' ? ")" : "");
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
    name_domains(out, size, result, claims[OWN_CLAIM].ids);
}

static const char site_greetings[] = " helo-own helo-host helo-localhost helo-literal ";

/* Any address, or one that is the site's. */
static const char *name_greeting(const struct endpoint_result *result)
{
    if (!is_granted(result, " helo-client-address ")) {
        return "a name or address of the site's own";
    }
    return is_granted(result, site_greetings) ? "a name of the site's own, or any address,"
                                              : "an address without brackets";
}

static void explain_trust(struct endpoint_result *result, const struct evidence_tally *tally,
                          const char *source)
{
    char claimed[LIST_SIZE] = "";
    bool by_helo = result->cause == CAUSE_HELO_TRUSTED;

    if (tally->plain == EVIDENCE_PROVEN) {
        diagnosis_say(claimed, sizeof(claimed), "%s that the probe %s",
                      by_helo ? "the name" : "the outside sender",
                      by_helo ? "greets with" : "writes as");
    } else if (by_helo) {
        diagnosis_say(claimed, sizeof(claimed), "%s", name_greeting(result));
        name_domains(claimed, sizeof(claimed), result, site_greetings);
        diagnosis_say(claimed, sizeof(claimed), " in its greeting");
    } else {
        name_claims(claimed, sizeof(claimed), result);
    }
    diagnosis_say(result->why, sizeof(result->why),
                  "A stranger (%s) may send mail to anybody: relaying is granted to whoever claims "
                  "%s, and refused to others. Anybody can claim that.",
                  source, claimed);
    remedies_add_rows(&result->fix, by_helo ? fix_helo_trusted : fix_sender_trusted,
                      mta_recognise(result));
}

/* ---- what is granted ----------------------------------------------------------------- */

static void explain_destination(struct endpoint_result *result, const struct evidence_tally *tally,
                                const char *source)
{
    if (tally->plain != EVIDENCE_PROVEN && tally->by[TECHNIQUE_BY_LIKENESS][EVIDENCE_PROVEN] > 0) {
        diagnosis_say(result->why, sizeof(result->why),
                      "A stranger (%s) may send mail to outside addresses that have the site's "
                      "domain in them: the server takes these for its own. Anybody can have such "
                      "an address.",
                      source);
        remedies_add_rows(&result->fix, fix_likeness, mta_recognise(result));
        return;
    }
    diagnosis_say(result->why, sizeof(result->why),
                  tally->plain == EVIDENCE_PROVEN
                      ? "A stranger (%s) may send mail to outside domains: the server takes the "
                        "recipient's domain for one of those that it takes mail for, for it "
                        "refuses the same mailbox wrapped in another address."
                      : "A stranger (%s) may send mail to other hosts: the server takes any "
                        "address literal for a destination of its own.",
                  source);
    remedies_add_rows(&result->fix, fix_destination, mta_recognise(result));
}

static void explain_routing(struct endpoint_result *result, const struct evidence_tally *tally,
                            const char *source)
{
    bool worded = tally->by[TECHNIQUE_BY_ROUTE][EVIDENCE_PROVEN] +
                      tally->by[TECHNIQUE_BY_WRAPPING][EVIDENCE_PROVEN] +
                      tally->by[TECHNIQUE_BY_SUBDOMAIN][EVIDENCE_PROVEN] ==
                  0;

    diagnosis_say(result->why, sizeof(result->why),
                  "A stranger (%s) may send mail to anybody by %s; asked plainly, relaying %s.",
                  source, worded ? "writing the request in another way" : "wrapping the address",
                  tally->plain == EVIDENCE_REFUSED ? "is refused" : "got no clear answer");
    remedies_add_rows(&result->fix, fix_routing_form, mta_recognise(result));
}

/* Who anybody can say to be. */
static const struct {
    enum cause cause;
    const char *why; /* after "A stranger (ADDRESS) may send mail to anybody" */
    const struct remedy *fix;
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
            remedies_add_rows(&result->fix, identities[i].fix, mta_recognise(result));
            return true;
        }
    }
    return false;
}

/* Why, where the grants tell no cause. */
static const char *untold(const struct evidence_tally *tally)
{
    if (tally->plain == EVIDENCE_PROVEN) {
        return tally->by[TECHNIQUE_BY_CLEAR][EVIDENCE_REFUSED] > 0
                   ? "inside TLS, the server accepted an outside recipient from an outside sender, "
                     "which it refuses in the clear"
                   : "the server accepted an outside recipient from an outside sender";
    }
    if (tally->plain == EVIDENCE_REFUSED && tally->by[TECHNIQUE_BY_SEQUENCE][EVIDENCE_PROVEN] > 0) {
        return "the server accepted an outside recipient after a local one";
    }
    if (tally->plain == EVIDENCE_REFUSED && tally->by[TECHNIQUE_BY_CLEAR][EVIDENCE_PROVEN] > 0) {
        return "in the clear, the server accepted an outside recipient that it refuses inside TLS";
    }
    return "the server accepted an outside recipient, though the plain request got no clear answer";
}

/* Whether nothing that was asked was refused, be it as harmless as a control or as odd as a form.
 */
static bool takes_everything(const struct endpoint_result *result,
                             const struct evidence_tally *tally)
{
    for (size_t i = 0; i < result->technique_count; i++) {
        const struct technique_result *asked = &result->techniques[i];
        if ((asked->asked && asked->outcome != OUTCOME_ACCEPTED) ||
            (asked->control_asked && asked->control != OUTCOME_ACCEPTED)) {
            return false;
        }
    }
    return tally->plain == EVIDENCE_PROVEN && tally->count[EVIDENCE_UNCERTAIN] > 0;
}

static void explain_unconditional(struct endpoint_result *result,
                                  const struct evidence_tally *tally, const char *source)
{
    diagnosis_say(result->why, sizeof(result->why),
                  "A stranger (%s) may send mail to anybody: %s. The replies do not tell what lets "
                  "this client through.",
                  source, untold(tally));
    remedies_add_rows(&result->fix, fix_unconditional, mta_recognise(result));
    if (takes_everything(result, tally) && result->proof == PROOF_RCPT) {
        diagnosis_say(result->why, sizeof(result->why), " It accepted whatever it was asked.");
        remedies_add(&result->fix, MTA_UNKNOWN,
                     "A server that catches mail for tests, or a tarpit, accepts everything and "
                     "relays nothing: proof = delivered settles it.");
    }
}

void diagnosis_explain_open(struct endpoint_result *result, const struct evidence_tally *tally)
{
    char granted[LIST_SIZE] = "";
    char source[ADDRESS_TEXT_SIZE];

    diagnosis_list(granted, sizeof(granted), result, EVIDENCE_PROVEN);
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
