/* The journal's native protocol, in datagrams of our own: libsystemd's calls wait for a journald
 * that does not read. Source: systemd, "Native Journal Protocol" and systemd.journal-fields(7). */
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/alert/sink/datagram.h"
#include "lib/alert/sink/format.h"

#define ENTRY_MAX    32768 /* a finding's is smaller */
#define MESSAGE_SIZE 4096
#define NAME_SIZE    64 /* what the journal allows */
#define PREFIX       "RELAYWARDEN_"

/* One a kind, for ever: conf/share/relaywarden.catalog explains them to journalctl -x. */
static const char *const message_ids[] = {
    [FINDING_OPEN_RELAY] = "5f85d5709bbe4dc5bd5932f03e5ddcfd",
    [FINDING_CLIENT_ADDRESS_HIDDEN] = "f8fefaebab3f40019d8c9a71c6420594",
    [FINDING_XCLIENT_EXPOSED] = "00578087f8414bb19d729f97705b098b",
    [FINDING_PROXY_PROTOCOL_EXPOSED] = "8c906fd1e6b3447fa24fb1ee06126380",
    [FINDING_ANONYMOUS_AUTH] = "0f111a0f5533425489775b74fbc8427b",
    [FINDING_UNDECLARED_DESTINATION] = "feaea4fd11c343689100036087220763",
    [FINDING_SUSPECTED_RELAY] = "a9bf34e79ee64401a920516a95b8fcf0",
    [FINDING_SERVICE_REFUSED] = "f391377bf2654f0fb0567cda60dec8c5",
    [FINDING_MILTER_MISSING] = "0f86450c224840a6a4ffa0412b11aab3",
    [FINDING_PROBE_MISSING] = "b3d2742a4c664a3e8cfe1ede5b4670c2",
    [FINDING_PROBE_BLOCKED] = "6a57398dee074c08bea407c6c51cfa53",
    [FINDING_HOLD_IMPOSSIBLE] = "734ceb2c82d146cba1284f68468d3b31",
    [FINDING_VANTAGE_INSIDE] = "aebe865d5ac343bfa9e4c7c1945efa62",
    [FINDING_VANTAGE_UNPROVEN] = "17fe92cf51f04211970635fc5fe935de",
    [FINDING_VANTAGE_SILENT] = "c0e1f1b1d5f64b1f9a7d0d0c3f5b8e42",
    [FINDING_PTR_MISSING] = "93d37dd689cc458789d15064cca95c05",
    [FINDING_FCRDNS_MISMATCH] = "374e4da574ca4419b11bbc383fd0c03b",
    [FINDING_GENERIC_HOSTNAME] = "feb0cb418fb141d5aecd4a26055567e9",
    [FINDING_BLOCKLISTED] = "6efb1a980df34b748a155e34e1a08d1c",
    [FINDING_BANNER_VERSION] = "5194e7aa6a7e4840a3ec7095eefbbf75",
    [FINDING_AUTH_WITHOUT_TLS] = "b2feb6b7fbcd46bb83944c5a6962bdfa",
};
static_assert(sizeof(message_ids) / sizeof(message_ids[0]) == FINDING_KINDS,
              "one message id for each kind");

struct entry {
    size_t length;
    char text[ENTRY_MAX];
};

static void append(struct entry *entry, const void *octets, size_t length)
{
    memcpy(entry->text + entry->length, octets, length);
    entry->length += length;
}

/* A field that does not fit is left out. The length is before a value with a newline, which ours
 * do not have; but the form must hold whatever comes. */
static void put(struct entry *entry, const char *name, const char *value)
{
    size_t name_length = strlen(name);
    size_t length = strlen(value);
    unsigned char little_endian[8];

    if (name_length + length + 10 > ENTRY_MAX - entry->length) {
        return;
    }
    append(entry, name, name_length);
    if (strchr(value, '\n') == NULL) {
        append(entry, "=", 1);
    } else {
        for (unsigned int i = 0; i < 8; i++) {
            little_endian[i] = (unsigned char)((uint64_t)length >> (8 * i) & 0xFF);
        }
        append(entry, "\n", 1);
        append(entry, little_endian, sizeof(little_endian));
    }
    append(entry, value, length);
    append(entry, "\n", 1);
}

static void put_number(struct entry *entry, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    put(entry, name, text);
}

/* RELAYWARDEN_QUEUE_ID from queue_id: capitals, digits and underscores are what is allowed. */
static void put_finding_field(struct entry *entry, const char *name, const char *value)
{
    char field[NAME_SIZE + 1] = PREFIX;
    size_t length = sizeof(PREFIX) - 1;

    for (; *name != '\0' && length < NAME_SIZE; name++) {
        field[length++] =
            (char)(isalnum((unsigned char)*name) ? toupper((unsigned char)*name) : '_');
    }
    field[length] = '\0';
    put(entry, field, value);
}

static void put_head(struct entry *entry, const struct datagram_sink *self, int priority,
                     const char *message)
{
    entry->length = 0;
    put(entry, "MESSAGE", message);
    put_number(entry, "PRIORITY", (uint64_t)priority);
    put_number(entry, "SYSLOG_FACILITY", (uint64_t)LOG_FAC((unsigned int)self->facility));
    put(entry, "SYSLOG_IDENTIFIER", self->identity->program);
    put_number(entry, "SYSLOG_PID", (uint64_t)getpid());
}

/* systemd.journal-fields(7) wants an address. */
static void put_page(struct entry *entry, const struct announcement *announcement)
{
    char page[FINDING_PAGE_SIZE];
    char address[FINDING_PAGE_SIZE + 8];

    format_page(announcement, page);
    snprintf(address, sizeof(address), "%s%s", finding_page_is_address(page) ? "" : "file://",
             page);
    put(entry, "DOCUMENTATION", address);
}

static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    struct datagram_sink *self = datagram_from_sink(sink);
    const struct incident *incident = &announcement->incident;
    const struct finding *finding = &incident->finding;
    struct entry entry;
    char message[MESSAGE_SIZE];

    format_kv(message, sizeof(message), announcement);
    put_head(&entry, self, datagram_priority(announcement), message);
    if (!announcement->test) {
        put(&entry, "MESSAGE_ID", message_ids[finding->kind]);
    }
    put_page(&entry, announcement);
    put(&entry, PREFIX "INCIDENT", incident->id);
    put(&entry, PREFIX "STATE", incident_state_name(announcement->state));
    put(&entry, PREFIX "KIND", format_kind(announcement));
    put(&entry, PREFIX "SEVERITY", severity_name(finding->severity));
    put_number(&entry, PREFIX "COUNT", finding->count);
    put(&entry, PREFIX "WHY", finding->why);
    put(&entry, PREFIX "FIX", finding->fix.text);
    for (size_t i = 0; i < finding->fields; i++) {
        put_finding_field(&entry, finding->field[i].name, finding->arena + finding->field[i].value);
    }
    return datagram_send(self, entry.text, entry.length, error);
}

static int say(struct sink *sink, int priority, const char *line, char error[SINK_ERROR_SIZE])
{
    struct datagram_sink *self = datagram_from_sink(sink);
    struct entry entry;

    put_head(&entry, self, priority, line);
    return datagram_send(self, entry.text, entry.length, error);
}

struct sink *sink_journal_new(const struct sink_source *source)
{
    struct datagram_sink *self = calloc(1, sizeof(*self));
    const char *path =
        source->journal_socket == NULL ? "/run/systemd/journal/socket" : source->journal_socket;

    if (self == NULL) {
        return NULL;
    }
    self->sink = (struct sink){.name = "journal", .announce = announce, .say = say};
    self->daemon = "systemd-journald";
    self->facility = source->settings->syslog_facility;
    if (datagram_init(self, source, path)) {
        return &self->sink;
    }
    self->sink.free(&self->sink);
    return NULL;
}
