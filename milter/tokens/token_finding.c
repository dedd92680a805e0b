#include "milter/tokens/token_finding.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_TEXT_SIZE 32
#define WHERE_TO_LOOK                                                                              \
    "Let the MTA see its clients' real addresses: look for a container's userland proxy or NAT, "  \
    "a "                                                                                           \
    "masquerading firewall rule on the way in, a load balancer or ingress (use the PROXY "         \
    "protocol "                                                                                    \
    "there, in Postfix smtpd_upstream_proxy_protocol), or a translation from IPv6 to IPv4"

void token_finding_hidden(struct finding *out, const struct mask *mask,
                          const struct network *trusted)
{
    const unsigned int both = FIELD_EVIDENCE | FIELD_LOGGED;
    char client[ADDRESS_TEXT_SIZE];
    char folded[NETWORK_TEXT_SIZE];
    char network[NETWORK_TEXT_SIZE] = "";

    finding_init(out, FINDING_CLIENT_ADDRESS_HIDDEN);
    address_format(&mask->address, client);
    address_format_fold(&mask->address, folded);
    if (trusted != NULL) {
        network_format(trusted, network);
    } else {
        out->severity = SEVERITY_WARNING;
    }
    finding_subject(out, mask->listener, folded);
    finding_add(out, "client", both, client);
    finding_add(out, "trusted_network", both, network);
    finding_add(out, "listener", FIELD_SUBJECT | FIELD_LOGGED, mask->listener);
    finding_add(out, "network", FIELD_SUBJECT, folded);
    if (trusted != NULL) {
        finding_why(out,
                    "a probe outside the site was seen as %s, which is in the trusted network %s: "
                    "strangers who come that way are taken for trusted clients",
                    client, network);
        finding_fix(out,
                    WHERE_TO_LOOK ". If the MTA trusts %s, it is an open relay until then: take "
                                  "that address out of mynetworks now. Here it counts as trusted "
                                  "no longer, until the probe shows it healed (relaywarden-milter "
                                  "--masked)",
                    client);
    } else {
        finding_why(out,
                    "a probe outside the site was seen as %s: strangers who come that way cannot "
                    "be told apart, and a ban of one is a ban of all",
                    client);
        finding_fix(out, "%s. Keep %s out of mynetworks and trusted_networks", WHERE_TO_LOOK,
                    client);
    }
}

void token_finding_hidden_key(const struct mask *mask, char out[FINDING_KEY_SIZE])
{
    char folded[NETWORK_TEXT_SIZE];

    snprintf(out, FINDING_KEY_SIZE, "%s %s", mask->listener,
             address_format_fold(&mask->address, folded));
}

void token_finding_hidden_any_key(const struct mask *mask, char out[FINDING_KEY_SIZE])
{
    snprintf(out, FINDING_KEY_SIZE, "%s any", mask->listener);
}

static const char *write_time(int64_t time, char out[TIME_TEXT_SIZE])
{
    const time_t seconds = (time_t)time;
    struct tm utc;

    out[0] = '\0';
    if (gmtime_r(&seconds, &utc) != NULL) {
        strftime(out, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    return out;
}

void token_finding_probe_missing(struct finding *out, int64_t last, int64_t inside, long expected)
{
    char text[TIME_TEXT_SIZE];
    char within[TIME_TEXT_SIZE];
    bool meanwhile = inside >= last;

    finding_init(out, FINDING_PROBE_MISSING);
    finding_add(out, "last_seen", FIELD_EVIDENCE | FIELD_LOGGED, write_time(last, text));
    if (meanwhile) {
        finding_add(out, "inside_last_seen", FIELD_EVIDENCE | FIELD_LOGGED,
                    write_time(inside, within));
        finding_why(out,
                    "no probe from outside has been recognised since %s, and one was expected "
                    "within %ld seconds. A probe asked from inside or under a claimed identity "
                    "meanwhile, the last time at %s: that shows nothing of what strangers meet",
                    text, expected, within);
    } else {
        finding_why(out,
                    "no probe from outside has been recognised since %s, and one was expected "
                    "within %ld seconds. None asked from inside meanwhile either: nobody looks at "
                    "this server",
                    text, expected);
    }
    finding_fix(out,
                "See that relaywarden-probe runs outside (its log, its timer)%s, that it reaches "
                "this server, that both have the same key (the fingerprint that -t prints), "
                "and that the MTA asks the filter before it refuses senders. "
                "probe_expected = 0 expects none",
                meanwhile ? ": not on this host, not in a trusted network, not with vantage = "
                            "inside or claimed"
                          : "");
}
