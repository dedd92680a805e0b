#include "milter/relay_finding.h"

#include <stdio.h>
#include <string.h>

#include "lib/printable.h"
#include "milter/undeclared.h"

#define THEN_PROBE "Then, from outside, run: relaywarden-probe check"

/* By who the sender claims to be: whatever trusted that claim is the hole. */
static const struct remedy *const fixes[] = {
    [SENDER_EXTERNAL] = REMEDIES(
        {MTA_POSTFIX, "see that mynetworks holds only your own networks, that no "
                      "check_client_access or check_helo_access map answers OK before "
                      "reject_unauth_destination, and that the log shows the client's real address "
                      "rather than a gateway's (NAT, container or proxy)."},
        {MTA_SENDMAIL, "look for promiscuous_relay and for RELAY entries in the access map."},
        {MTA_UNKNOWN, THEN_PROBE}),
    [SENDER_OWN] = REMEDIES(
        {MTA_UNKNOWN, "The sender claims a domain of yours, which anybody can."},
        {MTA_POSTFIX, "move check_sender_access (and any map that answers OK) behind "
                      "reject_unauth_destination, and see that mynetworks holds only your own "
                      "networks."},
        {MTA_SENDMAIL, "take out relay_local_from."}, {MTA_UNKNOWN, THEN_PROBE}),
    [SENDER_NULL] =
        REMEDIES({MTA_UNKNOWN, "The sender is the null path, which anybody can send."},
                 {MTA_POSTFIX, "see that no check_sender_access answers OK for <> before "
                               "reject_unauth_destination, and that mynetworks holds only your own "
                               "networks."},
                 {MTA_SENDMAIL, "look for a RELAY or OK entry that matches the empty sender."},
                 {MTA_UNKNOWN, THEN_PROBE}),
};

/* The consequence, as the end of a sentence. */
static const char *const consequences[] = {
    [ENFORCE_OBSERVE] = "",
    [ENFORCE_HOLD] = "; the message is put on hold",
    [ENFORCE_DEFER] = "; relaywarden refused it for now",
    [ENFORCE_REJECT] = "; relaywarden refused it",
};

/* Likewise of the probe's requests, whatever is enforced. */
#define BY_PROBE "; relaywarden refused it, so that no mail left, but anybody could do the same"

#define FIX_MASKED                                                                                 \
    "Whether this was a stranger or one of yours cannot be told. Let the MTA see its clients' "    \
    "real "                                                                                        \
    "addresses, as the incident client-address-hidden says; the address is trusted again when "    \
    "the "                                                                                         \
    "probe shows it, or by relaywarden-milter --unmask %s"

/* Where the mailer is one of own_mailers, and can be no longer. */
#define FIX_TOO_MANY                                                                               \
    "In the last day the mailer %s carried mail of strangers for more than %d domains that the "   \
    "site does not declare, too many for a mailer of your own: all that it carries for "           \
    "undeclared "                                                                                  \
    "domains counts as relayed. If these domains are yours, list them in domains or domain_files " \
    "of the section site and reload the filter. If not, the MTA is an open relay: in Postfix "     \
    "narrow relay_domains, mydestination and virtual_mailbox_domains; if own_mailers names the "   \
    "mailer of a smarthost, take it out. " THEN_PROBE

/* The resolved address, cut and escaped for a sentence. */
static void show_resolved(char *out, size_t size, const struct rcpt_meaning *rcpt)
{
    size_t length = strlen(rcpt->resolved_text);
    const char *text = rcpt->resolved_text;

    if (length >= 2 && text[0] == '<' && text[length - 1] == '>') {
        text++;
        length -= 2;
    }
    printable(out, size, text, length);
}

static void add_common(struct finding *out, const struct client *client,
                       const struct transaction *transaction, const struct recipient_seen *seen)
{
    const unsigned int both = FIELD_EVIDENCE | FIELD_LOGGED;
    char network[NETWORK_TEXT_SIZE];

    address_format_fold(&client->address, network);
    finding_subject(out, client->listener_text, network);
    finding_add(out, "client", both, client->text);
    finding_add(out, "helo", both | FIELD_QUOTED, client->helo);
    finding_add(out, "sender", both | FIELD_QUOTED, transaction->sender);
    finding_add(out, "recipient", both | FIELD_QUOTED, seen->path);
    finding_add(out, "destination", both, destination_name(seen->destination));
    finding_add(out, "mailer", both, seen->rcpt->mailer);
    finding_add(out, "nexthop", both, seen->rcpt->nexthop);
    finding_add(out, "listener", FIELD_SUBJECT | FIELD_LOGGED, client->listener_text);
    finding_add(out, "network", FIELD_SUBJECT, network);
    finding_add(out, "sender_class", FIELD_EVIDENCE, sender_class_name(seen->sender_class));
    finding_add(out, "resolved", FIELD_EVIDENCE, seen->rcpt->resolved_text);
    finding_add(out, "permission", FIELD_EVIDENCE, permission_name(transaction->permission));
    finding_add(out, "decision", FIELD_EVIDENCE, decision_name(seen->rcpt->decision));
    finding_add(out, "enforced", FIELD_EVIDENCE, enforcement_name(seen->enforcement));
    if (transaction->masked) {
        finding_add(out, "masked", both, "yes");
    }
    if (seen->by_probe) {
        finding_add(out, "probe", both, "yes");
    }
}

void relay_finding_open(struct finding *out, const struct client *client,
                        const struct transaction *transaction, const struct recipient_seen *seen)
{
    char resolved[ADDRESS_SHOWN_SIZE];
    char mailer[64];

    finding_init(out, FINDING_OPEN_RELAY);
    add_common(out, client, transaction, seen);
    show_resolved(resolved, sizeof(resolved), seen->rcpt);
    printable_string(mailer, sizeof(mailer), seen->rcpt->mailer);
    finding_why(out, "%s%s%s %s, and the MTA %s %s (mailer %s)%s",
                seen->by_probe ? "your relaywarden-probe, seen as " : "", client->text,
                seen->by_probe ? "," : "",
                transaction->masked ? "is masked (strangers were seen under that trusted address)"
                                    : "is neither authenticated nor in a trusted network",
                seen->by_probe ? "granted its request to relay to" : "took its mail for", resolved,
                mailer[0] == '\0' ? "unknown" : mailer,
                seen->by_probe ? BY_PROBE : consequences[seen->enforcement]);
    if (seen->too_many) {
        finding_fix(out, FIX_TOO_MANY, mailer, UNDECLARED_MAX);
    } else if (transaction->masked) {
        finding_fix(out, FIX_MASKED, client->text);
    } else {
        remedies_add_rows(&out->fix, fixes[seen->sender_class], MTA_UNKNOWN);
    }
}

void relay_finding_undeclared(struct finding *out, const struct client *client,
                              const struct transaction *transaction,
                              const struct recipient_seen *seen)
{
    char resolved[ADDRESS_SHOWN_SIZE];
    char domain[DOMAIN_SIZE];

    finding_init(out, FINDING_UNDECLARED_DESTINATION);
    add_common(out, client, transaction, seen);
    show_resolved(resolved, sizeof(resolved), seen->rcpt);
    printable(domain, sizeof(domain), seen->rcpt->resolved.domain,
              seen->rcpt->resolved.domain_length);
    finding_why(out,
                "the MTA takes mail for %s as its own, and the site does not declare the domain %s",
                resolved, domain);
    if (seen->parent != NULL) {
        finding_fix(out,
                    "The MTA takes subdomains of %s. If they are yours, add .%s to domains of the "
                    "section site. If not, take relay_domains out of Postfix's "
                    "parent_domain_matches_subdomains",
                    seen->parent, seen->parent);
        return;
    }
    finding_fix(out,
                "If %s is yours, add it to domains or domain_files of the section site. If not, "
                "take it out of relay_domains, mydestination or virtual_mailbox_domains",
                domain);
}

static const struct {
    const char *name;
    const char *why;
    const char *fix;
} obstacles[] = {
    [HOLD_NO_QUEUE] =
        {
            "no-queue-file",
            "the MTA passes mail on before it is queued (Postfix's smtpd_proxy_filter), so there "
            "is nothing to hold: a message that should be on hold went on its way",
            "Set enforce to reject or defer, or attach the filter where mail is queued: in Postfix "
            "take it out of the smtpd with smtpd_proxy_filter and give it to the one behind the "
            "proxy, with smtpd_authorized_xforward_hosts left to the proxy and XCLIENT to pass on "
            "the client's address",
        },
    [HOLD_NOT_TAKEN] =
        {
            "not-taken",
            "the MTA did not take the order to hold a message: it went on its way",
            "Set enforce to reject or defer, or use an MTA whose filters may quarantine (Postfix, "
            "Sendmail 8.13 and later)",
        },
};

void relay_finding_hold_impossible(struct finding *out, const struct client *client,
                                   const struct transaction *transaction,
                                   enum hold_obstacle obstacle)
{
    const unsigned int both = FIELD_EVIDENCE | FIELD_LOGGED;

    finding_init(out, FINDING_HOLD_IMPOSSIBLE);
    finding_subject(out, client->listener_text, obstacles[obstacle].name);
    finding_add(out, "client", both, client->text);
    finding_add(out, "sender", both | FIELD_QUOTED, transaction->sender);
    finding_add(out, "listener", FIELD_SUBJECT | FIELD_LOGGED, client->listener_text);
    finding_add(out, "obstacle", FIELD_SUBJECT | FIELD_LOGGED, obstacles[obstacle].name);
    finding_why(out, "%s", obstacles[obstacle].why);
    finding_fix(out, "%s", obstacles[obstacle].fix);
}

void relay_finding_set_queue_id(struct finding *finding, const char *queue_id)
{
    if (queue_id != NULL && queue_id[0] != '\0' && finding_get(finding, "queue_id") == NULL) {
        finding_add(finding, "queue_id", FIELD_EVIDENCE | FIELD_LOGGED, queue_id);
    }
}
