#include "probe/judge/milter_evidence.h"

#include <stdio.h>
#include <stdlib.h>

#include "probe/judge/diagnosis_words.h"
#include "probe/judge/mta.h"
#include "probe/judge/probe_finding.h"

/* Connections that a filter must have been silent on, where an answer was due. */
#define SILENT_CONNECTIONS 2

#define SEEN_SIZE (ADDRESS_TEXT_SIZE + NETWORK_TEXT_SIZE + 64)

static const struct remedy fix_hidden[] = {
    {MTA_UNKNOWN, "Have clients' own addresses reach the MTA."},
    {MTA_UNKNOWN, "Docker: switch the userland proxy off and publish the port on an IPv6-enabled "
                  "network, or use host networking."},
    {MTA_UNKNOWN, "Firewall: no masquerade or SNAT towards the MTA."},
    {MTA_UNKNOWN, "Kubernetes: externalTrafficPolicy: Local."},
    {MTA_UNKNOWN, "Proxies and load balancers: the PROXY protocol on a listener that only they "
                  "reach (Postfix smtpd_upstream_proxy_protocol, "
                  "postscreen_upstream_proxy_protocol; Exim hosts_proxy)."},
    {MTA_UNKNOWN, "Until then trust the gateway's address no longer."},
    {MTA_POSTFIX, "take it out of mynetworks."},
    {MTA_SENDMAIL, "take it out of access and relay-domains."},
    {MTA_EXIM, "take it out of relay_from_hosts."},
    {.text = NULL},
};

static const struct remedy fix_discarded[] = {
    {MTA_UNKNOWN, "Look this test up in the mail log. A proxy in front may answer by itself."},
    {MTA_POSTFIX, "a DISCARD action in an access map or a policy service answers 250 and hides the "
                  "recipient from filters. If nothing shall be relayed, refuse instead: "
                  "reject_unauth_destination."},
    {.text = NULL},
};

bool milter_evidence_is_hidden(const struct endpoint_result *result)
{
    return result->milter.observed && result->milter.role == TOKEN_ROLE_HIDDEN;
}

bool milter_evidence_lacks_replies(const struct endpoint_result *result)
{
    return result->milter.counted > result->milter.heard;
}

static const char *plural(unsigned int count)
{
    return count == 1 ? "" : "s";
}

static bool seen_is_trusted(const struct endpoint_result *result)
{
    return result->milter.hello.permission == PERMISSION_TRUSTED_NETWORK;
}

/* "172.22.1.1, which is in the trusted network 172.22.0.0/16". */
static const char *describe_seen(const struct endpoint_result *result, const struct site *site,
                                 char out[SEEN_SIZE])
{
    const struct address *client = &result->milter.hello.client;
    const struct network *network = site != NULL ? site_trusted_network(site, client) : NULL;
    char address[ADDRESS_TEXT_SIZE];
    char trusted[NETWORK_TEXT_SIZE];

    address_format(client, address);
    if (network != NULL) {
        (void)snprintf(out, SEEN_SIZE, "%s, which is in the trusted network %s", address,
                       network_format(network, trusted));
    } else if (seen_is_trusted(result)) {
        (void)snprintf(out, SEEN_SIZE,
                       "%s, which is in a trusted network of the mail host's "
                       "configuration",
                       address);
    } else {
        (void)snprintf(out, SEEN_SIZE, "%s", address);
    }
    return out;
}

/* ---- words --------------------------------------------------------------------------- */

static void explain_seen(struct endpoint_result *result, const struct site *site)
{
    char source[ADDRESS_TEXT_SIZE];
    char seen[SEEN_SIZE];

    diagnosis_say(result->why, sizeof(result->why),
                  "The MTA does not see who asks: it took the probe (%s) for %s.",
                  address_format(&result->source, source), describe_seen(result, site, seen));
}

void milter_evidence_explain_open(struct endpoint_result *result, const struct site *site)
{
    explain_seen(result, site);
    diagnosis_say(
        result->why, sizeof(result->why), " So every stranger may send mail to anybody%s.",
        result->proof == PROOF_OBSERVED ? ", as the filter on the mail host confirms" : "");
    remedies_add_rows(&result->fix, fix_hidden, mta_recognise(result));
}

void milter_evidence_explain_hidden(struct endpoint_result *result, const struct site *site)
{
    explain_seen(result, site);
    diagnosis_say(result->why, sizeof(result->why),
                  " It refused the plain request; no other was made, since a ban would hit that "
                  "address, and with it everybody behind it.");
    remedies_add_rows(&result->fix, fix_hidden, mta_recognise(result));
}

void milter_evidence_explain_discarded(struct endpoint_result *result)
{
    char accepted[DIAGNOSIS_LIST_SIZE] = "";

    if (milter_evidence_lacks_replies(result)) {
        diagnosis_say(
            result->why, sizeof(result->why),
            "The filter on the mail host saw the MTA accept %u request%s on a connection, "
            "and the probe heard of %u: something between them changes replies, and may "
            "show strangers a server that is closed while others find it open.",
            result->milter.counted, plural(result->milter.counted), result->milter.heard);
        remedies_add(&result->fix, MTA_UNKNOWN,
                     "Find what stands between the probe and the MTA, a proxy, a firewall that "
                     "rewrites SMTP or a load balancer, and ask the MTA itself.");
        return;
    }
    diagnosis_say(result->why, sizeof(result->why),
                  "The server accepted an outside recipient, but the filter on the mail host, "
                  "which had answered on this connection, was not told of it: something between "
                  "takes such recipients and discards them, or hides them from the filter.");
    diagnosis_list(accepted, sizeof(accepted), result, EVIDENCE_UNCERTAIN);
    diagnosis_say(result->why, sizeof(result->why), " Accepted: %s.", accepted);
    remedies_add_rows(&result->fix, fix_discarded, mta_recognise(result));
}

/* ---- findings ------------------------------------------------------------------------ */

static void add_hidden(struct endpoint_result *result, const struct site *site)
{
    struct finding *finding = probe_finding_add(result, FINDING_CLIENT_ADDRESS_HIDDEN, "");
    char source[ADDRESS_TEXT_SIZE];
    char address[ADDRESS_TEXT_SIZE];
    char seen[SEEN_SIZE];

    if (finding == NULL) {
        return;
    }
    finding->severity = seen_is_trusted(result) ? SEVERITY_CRITICAL : SEVERITY_WARNING;
    probe_finding_source(finding, result);
    finding_add(finding, "client", PROBE_FINDING_SHOWN,
                address_format(&result->milter.hello.client, address));
    finding_add(finding, "permission", PROBE_FINDING_SHOWN,
                permission_name(result->milter.hello.permission));
    finding_add(finding, "mta", PROBE_FINDING_SHOWN, result->milter.hello.mta);
    finding_why(finding, "The MTA takes the probe (%s) for %s: it cannot tell strangers from %s.",
                address_format(&result->source, source), describe_seen(result, site, seen),
                seen_is_trusted(result) ? "those that it trusts" : "each other");
    remedies_add_rows(&finding->fix, fix_hidden, mta_recognise(result));
}

static void add_unproven(struct endpoint_result *result)
{
    struct finding *finding = probe_finding_add(result, FINDING_VANTAGE_UNPROVEN, "");
    char address[ADDRESS_TEXT_SIZE];

    if (finding != NULL) {
        probe_finding_source(finding, result);
        finding_why(finding,
                    "The MTA sees the probe as %s. Whether that is the probe's own public address "
                    "is not known: it asks from a private one.",
                    address_format(&result->milter.hello.client, address));
        finding_fix(finding, "Set probe { public_addresses } to the addresses under which this "
                             "host is seen on the internet.");
    }
}

static void add_missing(struct endpoint_result *result)
{
    struct finding *finding = probe_finding_add(result, FINDING_MILTER_MISSING, "");

    if (finding != NULL) {
        probe_finding_source(finding, result);
        finding_why(finding,
                    "The mail host's filter did not answer on %u connections where it should have: "
                    "half of the audit is blind.",
                    result->milter.passed);
        finding_fix(finding,
                    "See that relaywarden-milter runs on the mail host and is attached "
                    "(smtpd_milters, also of this port in master.cf; INPUT_MAIL_FILTER), that both "
                    "have the same key ('-t' shows fingerprints), and that nothing stands in front "
                    "of the MTA. If there is none, set expect_milter = false for this target.");
    }
}

static void add_notes(struct endpoint_result *result)
{
    const struct milter_said *said = &result->milter;
    int64_t ahead = said->clock_ahead;

    if (said->clock_differs) {
        probe_finding_note(
            result,
            "The filter on the mail host did not talk to the probe, for its clock is %lld "
            "s %s this host's: set both by NTP.",
            (long long)llabs((long long)ahead), ahead < 0 ? "behind" : "ahead of");
    }
    if (said->unverified) {
        probe_finding_note(result,
                           "Something answered as the site's filter does, but not with this key: "
                           "compare the fingerprints that '-t' shows at both ends.");
    }
    if (said->observed && said->role == TOKEN_ROLE_TRUE) {
        probe_finding_note(
            result, "The filter on the mail host confirms the vantage: the MTA saw the probe "
                    "under its own address.");
    }
    if (said->counted != said->heard && result->cause != CAUSE_DISCARDED_OR_HIDDEN) {
        probe_finding_note(
            result,
            "On one connection the filter saw the MTA accept %u request%s, and the probe heard "
            "of %u: something between them changes replies.",
            said->counted, plural(said->counted), said->heard);
    }
    if (said->observed && said->asks > 0) {
        probe_finding_note(
            result, "Of %u request%s that the filter could recognise, it saw the MTA accept %u%s.",
            said->asks, plural(said->asks), said->granted,
            said->granted > 0 ? ", and refused them itself, so that no mail left" : "");
    }
}

void milter_evidence_judge(struct endpoint_result *result, const struct vantage_known *vantage)
{
    const struct milter_said *said = &result->milter;
    bool outside = vantage->declared == VANTAGE_OUTSIDE;

    if (milter_evidence_is_hidden(result)) {
        add_hidden(result, vantage->site);
    }
    if (outside && said->observed && said->role == TOKEN_ROLE_UNKNOWN) {
        add_unproven(result);
    }
    if (!said->observed && !said->clock_differs && !said->unverified && said->expected &&
        said->passed >= SILENT_CONNECTIONS) {
        add_missing(result);
    }
    add_notes(result);
}
