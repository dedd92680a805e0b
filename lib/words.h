/*
 * words - the project's enumerations and their names
 *
 * One word for one thing, the same in code, configuration, logs, JSON and manual pages. Each
 * enumeration has a table of names in words.c; the *_name functions return a static string and
 * never NULL for a value of the enumeration. Pure; any thread.
 */
#ifndef RELAYWARDEN_LIB_WORDS_H
#define RELAYWARDEN_LIB_WORDS_H

/* Why a client may relay. SASL ANONYMOUS is PERMISSION_NONE. */
enum permission {
    PERMISSION_NONE,
    PERMISSION_AUTHENTICATED,
    PERMISSION_TRUSTED_NETWORK,
    PERMISSION_CLIENT_CERTIFICATE,
};

/* Whose the recipient is: a declared domain; undeclared, but the MTA's mailer is one of
 * own_mailers; anybody else's. */
enum destination {
    DESTINATION_OWN,
    DESTINATION_MTA_OWN,
    DESTINATION_EXTERNAL,
};

/* The MTA's answer to RCPT. */
enum decision {
    DECISION_ACCEPTED,
    DECISION_REFUSED,
    DECISION_DEFERRED,
};

/* Who the envelope sender is, seen from the site. */
enum sender_class {
    SENDER_EXTERNAL,
    SENDER_OWN,
    SENDER_NULL,
};

/* The meaning of one reply to RCPT or MAIL (judged in probe/smtp/reply/reply_class.c).
 * Only RELAY_DENIED and AUTH_REQUIRED show that relaying is refused. */
enum outcome {
    OUTCOME_ACCEPTED,
    OUTCOME_RELAY_DENIED,
    OUTCOME_AUTH_REQUIRED,
    OUTCOME_TLS_REQUIRED,
    OUTCOME_SENDER_REFUSED,
    OUTCOME_CLIENT_REFUSED,
    OUTCOME_RECIPIENT_REFUSED,
    OUTCOME_GREYLISTED,
    OUTCOME_DEFERRED,
    OUTCOME_CLOSING,
};

/* The probe's conclusion about an endpoint. */
enum verdict {
    VERDICT_CLOSED,
    VERDICT_SUSPECTED,
    VERDICT_OPEN,
    VERDICT_INCONCLUSIVE,
    VERDICT_UNREACHABLE,
};

/* How sure an open verdict is. */
enum proof {
    PROOF_NONE,
    PROOF_RCPT,
    PROOF_DATA,
    PROOF_OBSERVED,
    PROOF_DELIVERED,
};

/* The likely cause of a grant (DESIGN: "Diagnose"). */
enum cause {
    CAUSE_NONE,
    CAUSE_CLIENT_ADDRESS_HIDDEN,
    CAUSE_TRUSTED_NETWORKS_TOO_WIDE,
    CAUSE_SENDER_TRUSTED,
    CAUSE_HELO_TRUSTED,
    CAUSE_DESTINATION_TOO_WIDE,
    CAUSE_ROUTING_FORM,
    CAUSE_XCLIENT,
    CAUSE_PROXY_PROTOCOL,
    CAUSE_ANONYMOUS_AUTH,
    CAUSE_DISCARDED_OR_HIDDEN,
    CAUSE_UNCONDITIONAL,
};

enum severity {
    SEVERITY_INFO,
    SEVERITY_WARNING,
    SEVERITY_CRITICAL,
};

enum finding_kind {
    FINDING_OPEN_RELAY,
    FINDING_CLIENT_ADDRESS_HIDDEN,
    FINDING_XCLIENT_EXPOSED,
    FINDING_PROXY_PROTOCOL_EXPOSED,
    FINDING_ANONYMOUS_AUTH,
    FINDING_UNDECLARED_DESTINATION,
    FINDING_SUSPECTED_RELAY,
    FINDING_SERVICE_REFUSED,
    FINDING_MILTER_MISSING,
    FINDING_PROBE_MISSING,
    FINDING_PROBE_BLOCKED,
    FINDING_HOLD_IMPOSSIBLE,
    FINDING_VANTAGE_INSIDE,
    FINDING_VANTAGE_UNPROVEN,
    FINDING_VANTAGE_SILENT,
    FINDING_PTR_MISSING,
    FINDING_FCRDNS_MISMATCH,
    FINDING_GENERIC_HOSTNAME,
    FINDING_BLOCKLISTED,
    FINDING_BANNER_VERSION,
    FINDING_AUTH_WITHOUT_TLS,
    FINDING_KINDS /* how many */
};

/* An incident's last announcement. */
enum incident_state {
    INCIDENT_OPENED,
    INCIDENT_REPEATED,
    INCIDENT_RESOLVED,
};

/* The milter's action on a message whose recipient was found relayed without permission. */
enum enforcement {
    ENFORCE_OBSERVE,
    ENFORCE_HOLD,
    ENFORCE_DEFER,
    ENFORCE_REJECT,
};

enum vantage {
    VANTAGE_OUTSIDE,
    VANTAGE_INSIDE,
    VANTAGE_CLAIMED,
};

/* The TLS mode of an endpoint, as asked for in the configuration and as it came to be. */
enum tls_mode {
    TLS_NONE,
    TLS_STARTTLS,
    TLS_IMPLICIT,
    TLS_AUTO, /* configuration only: implicit on port 465, elsewhere STARTTLS when offered */
};

const char *permission_name(enum permission value);   /* "none", "trusted-network", ... */
const char *destination_name(enum destination value); /* "own", "mta-own", "external" */
const char *decision_name(enum decision value);
const char *sender_class_name(enum sender_class value);
const char *outcome_name(enum outcome value); /* "relay-denied", ... */
const char *verdict_name(enum verdict value);
const char *proof_name(enum proof value);        /* "none" for PROOF_NONE */
const char *cause_name(enum cause value);        /* "none" for CAUSE_NONE */
const char *severity_name(enum severity value);  /* lower case: "critical" */
const char *severity_label(enum severity value); /* as the syslog line has it: "CRITICAL" */
const char *finding_kind_name(enum finding_kind value);
const char *incident_state_name(enum incident_state value);
const char *enforcement_name(enum enforcement value);
const char *vantage_name(enum vantage value);
const char *tls_mode_name(enum tls_mode value);

#endif
