#include "probe/judge/posture.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/printable.h"
#include "probe/dns/dnsbl.h"
#include "probe/judge/banner.h"
#include "probe/judge/generic_hostname.h"
#include "probe/judge/probe_finding.h"
#include "probe/smtp/ehlo.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define REASON_SHOWN 160 /* of a listing's text, in a sentence */

/* SASL mechanisms that hand the server, and whoever listens, something to log in with (RFC 4616,
 * RFC 7628). The others prove knowledge of a password without sending it. */
static const char *const telling[] = {"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", "XOAUTH"};

/* ---- the session ------------------------------------------------------------------------ */

/* The parameters of a capability, or NULL if it is not offered. "AUTH=LOGIN" is an old form. */
static const char *offered(const struct endpoint_result *result, const char *keyword)
{
    size_t length = strlen(keyword);

    for (size_t i = 0; i < result->capability_count; i++) {
        const char *line = result->capabilities[i];
        if (strncasecmp(line, keyword, length) == 0 && strchr(" =", line[length]) != NULL) {
            return line + length + strspn(line + length, " =");
        }
    }
    return NULL;
}

void posture_hear(struct endpoint_result *result, const char *text, bool secured)
{
    struct posture_heard *heard = &result->heard;
    const char *mechanisms = offered(result, "AUTH");

    printable(heard->ehlo, sizeof(heard->ehlo), text, strcspn(text, "\n"));
    heard->anonymous =
        heard->anonymous || (mechanisms != NULL && offer_has_word(mechanisms, "ANONYMOUS"));
    heard->xclient = heard->xclient || offered(result, "XCLIENT") != NULL;
    heard->xforward = heard->xforward || offered(result, "XFORWARD") != NULL;
    if (!secured && mechanisms != NULL && mechanisms[0] != '\0') {
        snprintf(heard->auth_in_clear, sizeof(heard->auth_in_clear), "%s", mechanisms);
    }
}

static bool is_telling(const char *mechanisms)
{
    for (size_t i = 0; i < COUNT(telling); i++) {
        if (offer_has_word(mechanisms, telling[i])) {
            return true;
        }
    }
    return false;
}

static void judge_auth(struct endpoint_result *result)
{
    const struct posture_heard *heard = &result->heard;
    bool anonymous = strcasecmp(heard->auth_in_clear, "ANONYMOUS") == 0; /* no secret at all */

    if (heard->auth_in_clear[0] == '\0' || anonymous) {
        return;
    }
    struct finding *finding = raise_finding(result, FINDING_AUTH_WITHOUT_TLS, "");
    if (finding == NULL) {
        return;
    }
    bool plain = is_telling(heard->auth_in_clear);
    finding->severity = plain ? SEVERITY_WARNING : SEVERITY_INFO;
    finding_add(finding, "mechanisms", RAISE_FREE, heard->auth_in_clear);
    finding_why(finding, "AUTH (%s) is offered before TLS%s: %s.", heard->auth_in_clear,
                result->starttls_offered ? "" : ", and TLS is not offered at all",
                plain ? "whoever can listen on the way reads the users' passwords, and can then "
                        "send mail in their names"
                      : "these mechanisms send no password, but the session can be taken over on "
                        "the way");
    finding_fix(finding, "Offer TLS, and AUTH only inside it. "
                         "Postfix: set smtpd_tls_auth_only = yes (and smtpd_tls_security_level = "
                         "may or encrypt, with a certificate); on port 25 AUTH is not needed at "
                         "all where users submit on 587 or 465. "
                         "Sendmail: add p to confAUTH_OPTIONS. "
                         "Exim: set auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}.");
}

static void judge_xclient(struct endpoint_result *result)
{
    struct finding *finding =
        result->heard.xclient ? raise_finding(result, FINDING_XCLIENT_EXPOSED, "xclient") : NULL;

    if (finding == NULL) {
        return;
    }
    finding_add(finding, "command", RAISE_SHOWN, "XCLIENT");
    raise_source(finding, result);
    finding_why(finding,
                "The server offers XCLIENT to the probe, an outsider: whoever is offered it "
                "can claim any client address or login, a trusted one too, and relay.");
    finding_fix(finding, "Postfix: list in smtpd_authorized_xclient_hosts only the proxies that "
                         "need it, by address, and reload; it is empty by default.");
}

static void judge_xforward(struct endpoint_result *result)
{
    struct finding *finding =
        result->heard.xforward ? raise_finding(result, FINDING_XCLIENT_EXPOSED, "xforward") : NULL;

    if (finding == NULL) {
        return;
    }
    finding->severity = SEVERITY_WARNING;
    finding_add(finding, "command", RAISE_SHOWN, "XFORWARD");
    raise_source(finding, result);
    finding_why(finding, "The server offers XFORWARD to the probe, an outsider: whoever is offered "
                         "it can put a false client into its logs and before its content filters. "
                         "It opens no relaying.");
    finding_fix(finding, "Postfix: list in smtpd_authorized_xforward_hosts only the filters that "
                         "need it, by address, and reload; it is empty by default.");
}

static bool tells_version(const char *line, struct banner_reading *reading)
{
    return banner_read(line, reading) && reading->version[0] != '\0';
}

/* A name alone is what every server's default greeting has, and what its manners tell anyway: only
 * a version is worth a word. */
static void judge_banner(struct endpoint_result *result)
{
    struct banner_reading reading;
    bool greeting = tells_version(result->banner, &reading);

    if (!greeting && !tells_version(result->heard.ehlo, &reading)) {
        return;
    }
    struct finding *finding = raise_finding(result, FINDING_BANNER_VERSION, "");
    if (finding == NULL) {
        return;
    }
    finding_add(finding, "software", RAISE_FREE, reading.software);
    finding_add(finding, "version", RAISE_FREE, reading.version);
    finding_why(finding,
                "The %s names the software, %s, and its version, %s: it tells an attacker what to "
                "try.",
                greeting ? "greeting" : "reply to EHLO", reading.software, reading.version);
    finding_fix(finding, "Nothing depends on it; to say less: "
                         "Postfix: set smtpd_banner = $myhostname ESMTP. "
                         "Sendmail: set confSMTP_LOGIN_MSG to `$j'. "
                         "Exim: set smtp_banner = $smtp_active_hostname ESMTP.");
}

/* ---- reverse DNS ------------------------------------------------------------------------ */

static void judge_missing(struct endpoint_result *result, const char *address)
{
    struct finding *finding = raise_finding(result, FINDING_PTR_MISSING, "");

    if (finding != NULL) {
        finding_why(finding,
                    "%s has no name in reverse DNS (no PTR record): many receivers refuse "
                    "mail from such an address.",
                    address);
        finding_fix(finding,
                    "Ask whoever provides the address to set its PTR record to the mail "
                    "host's name, and give that name an address record with %s.",
                    address);
    }
}

static bool all_generic(const struct posture_dns *dns, bool confirmed)
{
    for (size_t i = 0; i < dns->name_count; i++) {
        const struct posture_name *name = &dns->names[i];
        if ((name->agrees || !confirmed) && !hostname_is_generic(name->name, &dns->address)) {
            return false;
        }
    }
    return true;
}

static void judge_names(struct endpoint_result *result, const char *address)
{
    const struct posture_dns *dns = result->dns;
    const char *shown = dns->names[0].name;
    bool confirmed = false;
    bool known = true;

    for (size_t i = dns->name_count; i-- > 0;) {
        const struct posture_name *name = &dns->names[i];
        shown = name->agrees ? name->name : shown;
        confirmed = confirmed || name->agrees;
        known = known && (name->forward == POSTURE_HAD || name->forward == POSTURE_NONE);
    }
    if (!confirmed && !known) {
        raise_note(result,
                   "Whether %.200s, the name of %s, leads back to it could not be learnt "
                   "from DNS in time.",
                   shown, address);
    }
    struct finding *finding =
        !confirmed && known ? raise_finding(result, FINDING_FCRDNS_MISMATCH, "") : NULL;
    if (finding != NULL) {
        finding_add(finding, "name", RAISE_SHOWN, shown);
        finding_why(finding,
                    "The PTR record of %s names %.253s, but that name %s: many receivers "
                    "refuse mail when the two do not agree.",
                    address, shown,
                    dns->names[0].forward == POSTURE_NONE ? "has no such address record"
                                                          : "has other addresses");
        finding_fix(finding,
                    "Give %.253s an address record with %s, or have the PTR record name "
                    "a host that has one.",
                    shown, address);
    }
    finding =
        all_generic(dns, confirmed) ? raise_finding(result, FINDING_GENERIC_HOSTNAME, "") : NULL;
    if (finding != NULL) {
        finding_add(finding, "name", RAISE_SHOWN, shown);
        finding_why(finding,
                    "The name of %s in reverse DNS, %.253s, looks like one that the provider "
                    "assigned: receivers trust it as little as a home's.",
                    address, shown);
        finding_fix(finding,
                    "Have the PTR record name the mail host (mail.example.org, say), and "
                    "give that name an address record with %s.",
                    address);
    }
}

/* ---- block lists ------------------------------------------------------------------------ */

/* What one kind of listing means, and what to do about it. */
static const struct {
    enum severity severity;
    const char *why;
    const char *fix;
} listings[] = {
    [DNSBL_POLICY] = {SEVERITY_INFO,
                      "by policy, not for abuse: the whole range is declared not to send mail to "
                      "others' servers itself (homes, unnamed hosts)",
                      "If this host only receives, or sends by its provider's relay, leave it. "
                      "Otherwise give the address a PTR name of your own, and have it taken out."},
    [DNSBL_NEIGHBOURHOOD] = {SEVERITY_INFO,
                             "for its neighbours: others in its range were seen to abuse, which "
                             "says nothing about this address",
                             "Only the provider can act on it: ask them."},
    [DNSBL_ABUSE] = {SEVERITY_WARNING,
                     "for abuse: the list says that it saw unwanted mail or attacks come from "
                     "this very address",
                     "First stop what sends (an open relay, a stolen password, a web form, an "
                     "infected host behind the same address), or it will be listed again; then "
                     "have it taken out."},
};

/* The parts of the list and the answers, in words: "Spamhaus CSS 127.0.0.3, Spamhaus XBL ...". */
static void describe(const struct posture_listing *listing, enum dnsbl_meaning meaning,
                     char out[200])
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < listing->answer_count; i++) {
        struct dnsbl_reading reading = dnsbl_read(listing->zone, &listing->answers[i]);
        char address[ADDRESS_TEXT_SIZE];
        if (reading.meaning >= DNSBL_POLICY && reading.meaning <= meaning && used < 150) {
            used += (size_t)snprintf(out + used, 200 - used, "%s%s%s%s", used > 0 ? ", " : "",
                                     reading.list != NULL ? reading.list : "",
                                     reading.list != NULL ? " " : "",
                                     address_format(&listing->answers[i], address));
        }
    }
}

static void raise_listing(struct endpoint_result *result, const struct posture_listing *listing,
                          enum dnsbl_meaning meaning)
{
    const char *zone = dnsbl_shown(listing->zone);
    const char *removal = dnsbl_removal(listing->zone);
    struct finding *finding = raise_finding(result, FINDING_BLOCKLISTED, zone);
    char address[ADDRESS_TEXT_SIZE];
    char parts[200];
    char said[REASON_SHOWN + 1];

    if (finding == NULL) {
        return;
    }
    describe(listing, meaning, parts);
    printable_string(said, sizeof(said), listing->reason);
    address_format(&listing->answers[0], address);
    finding->severity = listings[meaning].severity;
    finding_add(finding, "zone", RAISE_NAMING, zone);
    finding_add(finding, "listing", RAISE_SHOWN, dnsbl_meaning_name(meaning));
    finding_add(finding, "answer", RAISE_FREE, parts);
    finding_add(finding, "reason", RAISE_FREE, listing->reason);
    finding_why(finding, "%s is listed by %.100s (%s) %s%s%s%s.",
                address_format(&result->endpoint.address, address), zone, parts,
                listings[meaning].why, said[0] != '\0' ? ". It says: \"" : "", said,
                said[0] != '\0' ? "\"" : "");
    finding_fix(finding, "%s Removal is asked for at %s%.100s.", listings[meaning].fix,
                removal != NULL ? "" : "the pages of ", removal != NULL ? removal : zone);
}

static void judge_listing(struct endpoint_result *result, const struct posture_listing *listing)
{
    struct dnsbl_reading worst = {.meaning = DNSBL_NOTHING};
    char address[ADDRESS_TEXT_SIZE];
    const struct address *answer = NULL;

    for (size_t i = 0; listing->state == POSTURE_HAD && i < listing->answer_count; i++) {
        struct dnsbl_reading reading = dnsbl_read(listing->zone, &listing->answers[i]);
        if (reading.meaning > worst.meaning) {
            worst = reading;
            answer = &listing->answers[i];
        }
    }
    if (worst.meaning == DNSBL_ERROR) {
        raise_note(result, "Whether %.80s lists the address is not known: %s (answer %s).",
                   dnsbl_shown(listing->zone), worst.text, address_format(answer, address));
    } else if (worst.meaning != DNSBL_NOTHING) {
        raise_listing(result, listing, worst.meaning);
    } else if (listing->state == POSTURE_FAILED) {
        raise_note(result, "Whether %.80s lists the address is not known: DNS gave no answer.",
                   dnsbl_shown(listing->zone));
    }
}

/* What had not come by now, in one note. */
static void note_pending(struct endpoint_result *result)
{
    const struct posture_dns *dns = result->dns;
    char list[RESULT_NOTE_SIZE - 80] = "";
    size_t used = 0;

    if (dns->pointer == POSTURE_PENDING) {
        used = (size_t)snprintf(list, sizeof(list), "reverse DNS");
    }
    for (size_t i = 0; i < dns->listing_count; i++) {
        if (dns->listings[i].state == POSTURE_PENDING && used + 60 < sizeof(list)) {
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%.50s",
                                     used > 0 ? ", " : "", dnsbl_shown(dns->listings[i].zone));
        }
    }
    if (used > 0) {
        raise_note(result, "DNS had not answered when the endpoint was done; left out: %s.", list);
    }
}

static void judge_dns(struct endpoint_result *result)
{
    const struct posture_dns *dns = result->dns;
    char address[ADDRESS_TEXT_SIZE];

    address_format(&dns->address, address);
    if (dns->pointer == POSTURE_NONE) {
        judge_missing(result, address);
    } else if (dns->pointer == POSTURE_FAILED) {
        raise_note(result, "The name of %s in reverse DNS is not known: DNS gave no answer.",
                   address);
    } else if (dns->pointer == POSTURE_HAD && dns->name_count > 0) {
        judge_names(result, address);
    }
    for (size_t i = 0; i < dns->listing_count; i++) {
        judge_listing(result, &dns->listings[i]);
    }
    note_pending(result);
}

/* ---- all of it -------------------------------------------------------------------------- */

void posture_judge(struct endpoint_result *result, bool outside)
{
    if (outside) {
        judge_xclient(result);
        judge_xforward(result);
    }
    judge_auth(result);
    if (result->dns != NULL) {
        judge_dns(result);
    }
    if (result->reach >= REACH_NO_SESSION) {
        judge_banner(result);
    }
}

bool posture_has_kind(enum finding_kind kind)
{
    return kind >= FINDING_PTR_MISSING && kind <= FINDING_AUTH_WITHOUT_TLS;
}
