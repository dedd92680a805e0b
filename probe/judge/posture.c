#include "probe/judge/posture.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/printable.h"
#include "probe/dns/address_facts.h"
#include "probe/dns/blocklist.h"
#include "probe/dns/dnsbl.h"
#include "probe/judge/banner.h"
#include "probe/judge/diagnosis_open.h"
#include "probe/judge/generic_hostname.h"
#include "probe/judge/mta.h"
#include "probe/judge/own_name.h"
#include "probe/judge/probe_finding.h"
#include "probe/smtp/ehlo.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define REASON_SHOWN 160 /* of a listing's text, in a sentence */

/* SASL mechanisms that hand the server, and whoever listens, something to log in with (RFC 4616,
 * RFC 7628). The others prove knowledge of a password without sending it. */
static const char *const telling[] = {"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", "XOAUTH"};

static const struct remedy fix_auth[] = {
    {MTA_UNKNOWN, "Offer TLS, and AUTH only inside it."},
    {MTA_POSTFIX, "set smtpd_tls_auth_only = yes (and smtpd_tls_security_level = may or encrypt, "
                  "with a certificate); on port 25 AUTH is not needed at all where users submit on "
                  "587 or 465."},
    {MTA_SENDMAIL, "add p to confAUTH_OPTIONS."},
    {MTA_EXIM, "set auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}."},
    {.text = NULL},
};

static const struct remedy fix_xforward[] = {
    {MTA_UNKNOWN, "Offer XFORWARD to nobody but the filters that need it."},
    {MTA_POSTFIX, "list in smtpd_authorized_xforward_hosts only the filters that need it, by "
                  "address, and reload; it is empty by default."},
    {.text = NULL},
};

static const struct remedy fix_banner[] = {
    {MTA_UNKNOWN, "Nothing depends on it."},
    {MTA_POSTFIX, "to say less, set smtpd_banner = $myhostname ESMTP."},
    {MTA_SENDMAIL, "to say less, set confSMTP_LOGIN_MSG to `$j'."},
    {MTA_EXIM, "to say less, set smtp_banner = $smtp_active_hostname ESMTP."},
    {.text = NULL},
};

static const struct remedy fix_own_name[] = {
    {MTA_UNKNOWN, "Give it the name that its address has in DNS."},
    {MTA_POSTFIX, "set myhostname."},
    {MTA_SENDMAIL, "define confDOMAIN_NAME."},
    {MTA_EXIM, "set primary_hostname."},
    {.text = NULL},
};

static bool is_telling(const char *mechanisms)
{
    for (size_t i = 0; i < COUNT(telling); i++) {
        if (ehlo_has_word(mechanisms, telling[i])) {
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
    struct finding *finding = probe_finding_add(result, FINDING_AUTH_WITHOUT_TLS, "");
    if (finding == NULL) {
        return;
    }
    bool plain = is_telling(heard->auth_in_clear);
    finding->severity = plain ? SEVERITY_WARNING : SEVERITY_INFO;
    finding_add(finding, "mechanisms", PROBE_FINDING_FREE, heard->auth_in_clear);
    finding_why(finding, "AUTH (%s) is offered before TLS%s: %s.", heard->auth_in_clear,
                result->starttls_offered ? "" : ", and TLS is not offered at all",
                plain ? "whoever can listen on the way reads the users' passwords, and can then "
                        "send mail in their names"
                      : "these mechanisms send no password, but the session can be taken over on "
                        "the way");
    remedies_add_rows(&finding->fix, fix_auth, mta_recognise(result));
}

static void judge_xclient(struct endpoint_result *result)
{
    struct finding *finding = result->heard.xclient
                                  ? probe_finding_add(result, FINDING_XCLIENT_EXPOSED, "xclient")
                                  : NULL;

    if (finding == NULL) {
        return;
    }
    finding_add(finding, "command", PROBE_FINDING_SHOWN, "XCLIENT");
    probe_finding_source(finding, result);
    finding_why(finding,
                "The server offers XCLIENT to the probe, an outsider: whoever is offered it "
                "can claim any client address or login, a trusted one too, and relay.");
    remedies_add_rows(&finding->fix, diagnosis_fix_xclient, mta_recognise(result));
}

static void judge_xforward(struct endpoint_result *result)
{
    struct finding *finding = result->heard.xforward
                                  ? probe_finding_add(result, FINDING_XCLIENT_EXPOSED, "xforward")
                                  : NULL;

    if (finding == NULL) {
        return;
    }
    finding->severity = SEVERITY_WARNING;
    finding_add(finding, "command", PROBE_FINDING_SHOWN, "XFORWARD");
    probe_finding_source(finding, result);
    finding_why(finding, "The server offers XFORWARD to the probe, an outsider: whoever is offered "
                         "it can put a false client into its logs and before its content filters. "
                         "It opens no relaying.");
    remedies_add_rows(&finding->fix, fix_xforward, mta_recognise(result));
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
    struct finding *finding = probe_finding_add(result, FINDING_BANNER_VERSION, "");
    if (finding == NULL) {
        return;
    }
    finding_add(finding, "software", PROBE_FINDING_FREE, reading.software);
    finding_add(finding, "version", PROBE_FINDING_FREE, reading.version);
    finding_why(finding,
                "The %s names the software, %s, and its version, %s: it tells an attacker what to "
                "try.",
                greeting ? "greeting" : "reply to EHLO", reading.software, reading.version);
    remedies_add_rows(&finding->fix, fix_banner, mta_recognise(result));
}

/* ---- reverse DNS ------------------------------------------------------------------------ */

static void judge_missing(struct endpoint_result *result, const char *address)
{
    struct finding *finding = probe_finding_add(result, FINDING_PTR_MISSING, "");

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
        if ((name->agrees || !confirmed) &&
            !generic_hostname_is_generic(name->name, &dns->address)) {
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
        probe_finding_note(result,
                           "Whether %.200s, the name of %s, leads back to it could not be learnt "
                           "from DNS in time.",
                           shown, address);
    }
    struct finding *finding =
        !confirmed && known ? probe_finding_add(result, FINDING_FCRDNS_MISMATCH, "") : NULL;
    if (finding != NULL) {
        finding_add(finding, "name", PROBE_FINDING_SHOWN, shown);
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
    finding = all_generic(dns, confirmed) ? probe_finding_add(result, FINDING_GENERIC_HOSTNAME, "")
                                          : NULL;
    if (finding != NULL) {
        finding_add(finding, "name", PROBE_FINDING_SHOWN, shown);
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

/* Each kind of listing: its meaning, and the remedy. */
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
    [DNSBL_SCORE] = {SEVERITY_INFO,
                     "with a low score: something was seen that receivers may mind, and not enough "
                     "to list the address for it",
                     "Look at what the server sends, and at its names in DNS; the score follows."},
    [DNSBL_ABUSE] = {SEVERITY_WARNING,
                     "for abuse: the list says that it saw unwanted mail or attacks come from "
                     "this very address",
                     "First stop what sends (an open relay, a stolen password, a web form, an "
                     "infected host behind the same address), or it will be listed again; then "
                     "have it taken out."},
};

/* Of a list that is not known: it says "listed", and what that means its own pages say. */
static const char *const unknown_why =
    "as 127.0.0.2, which most lists answer for addresses that they saw abuse. This list is not "
    "known here: its own pages say what it lists";

/* The parts of the list and the answers of these meanings, in words: "Spamhaus CSS 127.0.0.3,
 * Spamhaus XBL ...". Returns out. */
static const char *describe(const struct posture_listing *listing, enum dnsbl_meaning from,
                            enum dnsbl_meaning to, char out[200])
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < listing->entry.answer_count; i++) {
        const struct address *answer = &listing->entry.answers[i];
        struct dnsbl_reading reading = dnsbl_read(listing->zone, answer);
        char address[ADDRESS_TEXT_SIZE];
        if (reading.meaning >= from && reading.meaning <= to && used < 150) {
            used +=
                (size_t)snprintf(out + used, 200 - used, "%s%s%s%s", used > 0 ? ", " : "",
                                 reading.list != NULL ? reading.list : "",
                                 reading.list != NULL ? " " : "", address_format(answer, address));
        }
    }
    return out;
}

static void raise_listing(struct endpoint_result *result, const struct posture_listing *listing,
                          const struct blocklist_reading *reading)
{
    const char *zone = dnsbl_shown(listing->zone);
    const char *removal = dnsbl_removal(listing->zone);
    struct finding *finding = probe_finding_add(result, FINDING_BLOCKLISTED, zone);
    bool known = dnsbl_read(listing->zone, reading->answer).list != NULL;
    char address[ADDRESS_TEXT_SIZE];
    char parts[200];
    char said[REASON_SHOWN + 1];

    if (finding == NULL) {
        return;
    }
    describe(listing, DNSBL_POLICY, DNSBL_ABUSE, parts);
    printable_string(said, sizeof(said), listing->reason);
    finding->severity = listings[reading->worst].severity;
    finding_add(finding, "zone", PROBE_FINDING_NAMING, zone);
    finding_add(finding, "listing", PROBE_FINDING_SHOWN, dnsbl_meaning_name(reading->worst));
    finding_add(finding, "answer", PROBE_FINDING_FREE, parts);
    finding_add(finding, "reason", PROBE_FINDING_FREE, listing->reason);
    finding_why(finding, "%s is listed by %.100s (%s) %s%s%s%s.",
                address_format(&result->endpoint.address, address), zone, parts,
                known || reading->worst != DNSBL_ABUSE ? listings[reading->worst].why : unknown_why,
                said[0] != '\0' ? ". It says: \"" : "", said, said[0] != '\0' ? "\"" : "");
    finding_fix(finding, "%s", listings[reading->worst].fix);
    remedies_add(&finding->fix, MTA_UNKNOWN, "Ask for removal at %s%.100s.",
                 removal != NULL ? "" : "the pages of ", removal != NULL ? removal : zone);
}

/* Answers that harm nobody, or whose meaning no row knows. */
static void note_answers(struct endpoint_result *result, const struct posture_listing *listing,
                         enum dnsbl_meaning worst)
{
    const char *zone = dnsbl_shown(listing->zone);
    char said[REASON_SHOWN + 1];
    char parts[200];

    if (describe(listing, DNSBL_UNKNOWN, DNSBL_UNKNOWN, parts)[0] != '\0') {
        printable_string(said, sizeof(said), listing->reason);
        probe_finding_note(
            result,
            "%.80s answers %s for the address. It is not known here what that means, so "
            "this is no listing%s%s%s.",
            zone, parts, said[0] != '\0' ? "; it says: \"" : "", said, said[0] != '\0' ? "\"" : "");
    }
    if (worst <= DNSBL_GOOD && describe(listing, DNSBL_GOOD, DNSBL_GOOD, parts)[0] != '\0') {
        probe_finding_note(result,
                           "%.80s speaks for the address (%s): that is no block list's listing.",
                           zone, parts);
    }
}

static void note_broken(struct endpoint_result *result, const struct posture_listing *listing,
                        const struct blocklist_reading *reading)
{
    const char *below = dnsbl_zone_below(listing->zone);
    char address[ADDRESS_TEXT_SIZE] = "nothing";

    if (reading->answer != NULL) {
        address_format(reading->answer, address);
    }
    probe_finding_note(
        result,
        "%.80s is not believed: %s%s%s. For the address it answers %s. Take it out of "
        "dnsbl.",
        dnsbl_shown(listing->zone), reading->text,
        below != NULL ? "; lists are below it, such as " : "", below != NULL ? below : "", address);
}

static void judge_listing(struct endpoint_result *result, const struct posture_listing *listing)
{
    struct blocklist_reading reading = blocklist_read(listing);
    const char *zone = dnsbl_shown(listing->zone);
    char address[ADDRESS_TEXT_SIZE];

    switch (reading.state) {
    case BLOCKLIST_PENDING: /* note_pending */
    case BLOCKLIST_CLEAR:
        break;
    case BLOCKLIST_SILENT:
        probe_finding_note(
            result, "Whether %.80s lists the address is not known: DNS gave no answer.", zone);
        break;
    case BLOCKLIST_REFUSES:
        probe_finding_note(result, "Whether %.80s lists the address is not known: %s (answer %s).",
                           zone, reading.text, address_format(reading.answer, address));
        break;
    case BLOCKLIST_BROKEN:
        note_broken(result, listing, &reading);
        break;
    case BLOCKLIST_ANSWERS:
        if (reading.worst >= DNSBL_POLICY) {
            raise_listing(result, listing, &reading);
        }
        note_answers(result, listing, reading.worst);
        break;
    }
}

/* One note for the answers that had not come by now. */
static void note_pending(struct endpoint_result *result)
{
    const struct posture_dns *dns = result->dns;
    char list[RESULT_NOTE_SIZE - 80] = "";
    size_t used = 0;

    if (dns->pointer == POSTURE_PENDING) {
        used = (size_t)snprintf(list, sizeof(list), "reverse DNS");
    }
    for (size_t i = 0; i < dns->listing_count; i++) {
        if (blocklist_read(&dns->listings[i]).state == BLOCKLIST_PENDING &&
            used + 60 < sizeof(list)) {
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%.50s",
                                     used > 0 ? ", " : "", dnsbl_shown(dns->listings[i].zone));
        }
    }
    if (used > 0) {
        probe_finding_note(result, "DNS had not answered when the endpoint was done; left out: %s.",
                           list);
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
        probe_finding_note(
            result, "The name of %s in reverse DNS is not known: DNS gave no answer.", address);
    } else if (dns->pointer == POSTURE_HAD && dns->name_count > 0) {
        judge_names(result, address);
    }
    for (size_t i = 0; i < dns->listing_count; i++) {
        judge_listing(result, &dns->listings[i]);
    }
    note_pending(result);
}

/* ---- the name that the server gives itself ---------------------------------------------- */

/* The fault of a name, behind "The server calls itself NAME in its greeting: ". */
static const char *const name_faults[] = {
    [OWN_NAME_FINE] = "",
    [OWN_NAME_PRIVATE] = "no public name is that",
    [OWN_NAME_SINGLE] = "a single word is no public name",
    [OWN_NAME_OTHER] = "that is not the address that the probe reached it at, and no public name",
    [OWN_NAME_BARE] = "an address without square brackets is no public name",
};

static void judge_own_name(struct endpoint_result *result)
{
    struct own_name own =
        own_name_judge(result->banner, result->heard.ehlo, &result->endpoint.address);
    struct finding *finding = own.fault != OWN_NAME_FINE
                                  ? probe_finding_add(result, FINDING_GENERIC_HOSTNAME, "own-name")
                                  : NULL;

    if (finding == NULL) {
        return;
    }
    char name[256];
    snprintf(name, sizeof(name), "%.*s", (int)own.length, own.text);
    finding->severity = SEVERITY_INFO; /* so it makes no incident, and none has to end */
    finding_add(finding, "name", PROBE_FINDING_FREE, name);
    finding_why(finding,
                "The server calls itself %s in its %s: %s. Many servers refuse mail from a server "
                "that greets them so.",
                name, own.in_greeting ? "greeting" : "reply to EHLO", name_faults[own.fault]);
    remedies_add_rows(&finding->fix, fix_own_name, mta_recognise(result));
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
        judge_own_name(result);
    }
}

bool posture_has_kind(enum finding_kind kind)
{
    return kind >= FINDING_PTR_MISSING && kind <= FINDING_AUTH_WITHOUT_TLS;
}
