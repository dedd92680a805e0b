#include "lib/words.h"

#include <assert.h>
#include <stddef.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Each table is indexed by its enumeration; the assertion fails when a value is appended without a
 * name. A value outside its enumeration can only come from a broken caller: it gets a word that is
 * no name, so that the fault shows instead of crashing. */
#define TABLE(table, last)                                                                         \
    static_assert(ROWS(table) == (size_t)(last) + 1, #table ": one name for each value")

static const char *name_at(const char *const names[], size_t rows, unsigned int value)
{
    return value < rows ? names[value] : "invalid";
}

static const char *const permissions[] = {
    [PERMISSION_NONE] = "none",
    [PERMISSION_AUTHENTICATED] = "authenticated",
    [PERMISSION_TRUSTED_NETWORK] = "trusted-network",
    [PERMISSION_CLIENT_CERTIFICATE] = "client-certificate",
};
TABLE(permissions, PERMISSION_CLIENT_CERTIFICATE);

static const char *const destinations[] = {
    [DESTINATION_OWN] = "own",
    [DESTINATION_MTA_OWN] = "mta-own",
    [DESTINATION_EXTERNAL] = "external",
};
TABLE(destinations, DESTINATION_EXTERNAL);

static const char *const decisions[] = {
    [DECISION_ACCEPTED] = "accepted",
    [DECISION_REFUSED] = "refused",
    [DECISION_DEFERRED] = "deferred",
};
TABLE(decisions, DECISION_DEFERRED);

static const char *const sender_classes[] = {
    [SENDER_EXTERNAL] = "external",
    [SENDER_OWN] = "own",
    [SENDER_NULL] = "null",
};
TABLE(sender_classes, SENDER_NULL);

static const char *const outcomes[] = {
    [OUTCOME_ACCEPTED] = "accepted",
    [OUTCOME_RELAY_DENIED] = "relay-denied",
    [OUTCOME_AUTH_REQUIRED] = "auth-required",
    [OUTCOME_TLS_REQUIRED] = "tls-required",
    [OUTCOME_SENDER_REFUSED] = "sender-refused",
    [OUTCOME_CLIENT_REFUSED] = "client-refused",
    [OUTCOME_RECIPIENT_REFUSED] = "recipient-refused",
    [OUTCOME_GREYLISTED] = "greylisted",
    [OUTCOME_DEFERRED] = "deferred",
    [OUTCOME_CLOSING] = "closing",
};
TABLE(outcomes, OUTCOME_CLOSING);

static const char *const verdicts[] = {
    [VERDICT_CLOSED] = "closed",
    [VERDICT_SUSPECTED] = "suspected",
    [VERDICT_OPEN] = "open",
    [VERDICT_INCONCLUSIVE] = "inconclusive",
    [VERDICT_UNREACHABLE] = "unreachable",
};
TABLE(verdicts, VERDICT_UNREACHABLE);

static const char *const proofs[] = {
    [PROOF_NONE] = "none",         [PROOF_RCPT] = "rcpt",           [PROOF_DATA] = "data",
    [PROOF_OBSERVED] = "observed", [PROOF_DELIVERED] = "delivered",
};
TABLE(proofs, PROOF_DELIVERED);

static const char *const causes[] = {
    [CAUSE_NONE] = "none",
    [CAUSE_CLIENT_ADDRESS_HIDDEN] = "client-address-hidden",
    [CAUSE_TRUSTED_NETWORKS_TOO_WIDE] = "trusted-networks-too-wide",
    [CAUSE_SENDER_TRUSTED] = "sender-trusted",
    [CAUSE_HELO_TRUSTED] = "helo-trusted",
    [CAUSE_DESTINATION_TOO_WIDE] = "destination-too-wide",
    [CAUSE_ROUTING_FORM] = "routing-form",
    [CAUSE_XCLIENT] = "xclient",
    [CAUSE_PROXY_PROTOCOL] = "proxy-protocol",
    [CAUSE_ANONYMOUS_AUTH] = "anonymous-auth",
    [CAUSE_DISCARDED_OR_HIDDEN] = "discarded-or-hidden",
    [CAUSE_UNCONDITIONAL] = "unconditional",
};
TABLE(causes, CAUSE_UNCONDITIONAL);

static const struct {
    const char *name;
    const char *label;
} severities[] = {
    [SEVERITY_INFO] = {"info", "INFO"},
    [SEVERITY_WARNING] = {"warning", "WARNING"},
    [SEVERITY_CRITICAL] = {"critical", "CRITICAL"},
};
TABLE(severities, SEVERITY_CRITICAL);

static const char *const finding_kinds[] = {
    [FINDING_OPEN_RELAY] = "open-relay",
    [FINDING_CLIENT_ADDRESS_HIDDEN] = "client-address-hidden",
    [FINDING_XCLIENT_EXPOSED] = "xclient-exposed",
    [FINDING_PROXY_PROTOCOL_EXPOSED] = "proxy-protocol-exposed",
    [FINDING_ANONYMOUS_AUTH] = "anonymous-auth",
    [FINDING_UNDECLARED_DESTINATION] = "undeclared-destination",
    [FINDING_SUSPECTED_RELAY] = "suspected-relay",
    [FINDING_SERVICE_REFUSED] = "service-refused",
    [FINDING_MILTER_MISSING] = "milter-missing",
    [FINDING_PROBE_MISSING] = "probe-missing",
    [FINDING_PROBE_BLOCKED] = "probe-blocked",
    [FINDING_HOLD_IMPOSSIBLE] = "hold-impossible",
    [FINDING_VANTAGE_INSIDE] = "vantage-inside",
    [FINDING_VANTAGE_UNPROVEN] = "vantage-unproven",
    [FINDING_VANTAGE_SILENT] = "vantage-silent",
    [FINDING_PTR_MISSING] = "ptr-missing",
    [FINDING_FCRDNS_MISMATCH] = "fcrdns-mismatch",
    [FINDING_GENERIC_HOSTNAME] = "generic-hostname",
    [FINDING_BLOCKLISTED] = "blocklisted",
    [FINDING_BANNER_VERSION] = "banner-version",
    [FINDING_AUTH_WITHOUT_TLS] = "auth-without-tls",
};
TABLE(finding_kinds, FINDING_KINDS - 1);

static const char *const incident_states[] = {
    [INCIDENT_OPENED] = "opened",
    [INCIDENT_REPEATED] = "repeated",
    [INCIDENT_RESOLVED] = "resolved",
};
TABLE(incident_states, INCIDENT_RESOLVED);

static const char *const enforcements[] = {
    [ENFORCE_OBSERVE] = "observe",
    [ENFORCE_HOLD] = "hold",
    [ENFORCE_DEFER] = "defer",
    [ENFORCE_REJECT] = "reject",
};
TABLE(enforcements, ENFORCE_REJECT);

static const char *const vantages[] = {
    [VANTAGE_OUTSIDE] = "outside",
    [VANTAGE_INSIDE] = "inside",
    [VANTAGE_CLAIMED] = "claimed",
};
TABLE(vantages, VANTAGE_CLAIMED);

static const char *const tls_modes[] = {
    [TLS_NONE] = "none",
    [TLS_STARTTLS] = "starttls",
    [TLS_IMPLICIT] = "implicit",
    [TLS_AUTO] = "auto",
};
TABLE(tls_modes, TLS_AUTO);

const char *permission_name(enum permission value)
{
    return name_at(permissions, ROWS(permissions), value);
}

const char *destination_name(enum destination value)
{
    return name_at(destinations, ROWS(destinations), value);
}

const char *decision_name(enum decision value)
{
    return name_at(decisions, ROWS(decisions), value);
}

const char *sender_class_name(enum sender_class value)
{
    return name_at(sender_classes, ROWS(sender_classes), value);
}

const char *outcome_name(enum outcome value)
{
    return name_at(outcomes, ROWS(outcomes), value);
}

const char *verdict_name(enum verdict value)
{
    return name_at(verdicts, ROWS(verdicts), value);
}

const char *proof_name(enum proof value)
{
    return name_at(proofs, ROWS(proofs), value);
}

const char *cause_name(enum cause value)
{
    return name_at(causes, ROWS(causes), value);
}

const char *severity_name(enum severity value)
{
    return (size_t)value < ROWS(severities) ? severities[value].name : "invalid";
}

const char *severity_label(enum severity value)
{
    return (size_t)value < ROWS(severities) ? severities[value].label : "INVALID";
}

const char *finding_kind_name(enum finding_kind value)
{
    return name_at(finding_kinds, ROWS(finding_kinds), value);
}

const char *incident_state_name(enum incident_state value)
{
    return name_at(incident_states, ROWS(incident_states), value);
}

const char *enforcement_name(enum enforcement value)
{
    return name_at(enforcements, ROWS(enforcements), value);
}

const char *vantage_name(enum vantage value)
{
    return name_at(vantages, ROWS(vantages), value);
}

const char *tls_mode_name(enum tls_mode value)
{
    return name_at(tls_modes, ROWS(tls_modes), value);
}
