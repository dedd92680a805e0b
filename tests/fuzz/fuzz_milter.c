/* milter/: from the macros of an MTA and a client's commands to a decision, a destination and a
 * finding, whatever they say; no stranger's domain is ever the site's own, and no line of the log
 * is theirs to write. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/alert/sink/format.h"
#include "milter/connection.h"
#include "milter/dialect.h"
#include "milter/judge.h"
#include "milter/relay_finding.h"
#include "tests/fuzz/fuzz.h"

#define LINE_SIZE 8192

static char local[] = "local";
static char virtual[] = "virtual";
static char *const mailers[] = {local, virtual};

/* example.org, and all below example.test. */
static const struct site *site(void)
{
    static struct site *made;

    if (made == NULL) {
        struct site_settings settings = {
            .domains = domainset_new(),
            .main_domain = strdup("example.org"),
            .networks = calloc(1, sizeof(struct network)),
            .network_count = 1,
        };
        FUZZ_MUST(settings.domains != NULL && settings.networks != NULL);
        FUZZ_MUST(domainset_add(settings.domains, "example.org"));
        FUZZ_MUST(domainset_add(settings.domains, ".example.test"));
        FUZZ_MUST(network_parse("192.0.2.0/28", &settings.networks[0]) == NETWORK_OK);
        made = site_new(&settings);
        FUZZ_MUST(made != NULL);
    }
    return made;
}

static bool ends_in(const char *text, size_t length, const char *end)
{
    size_t size = strlen(end);

    return length >= size && strncasecmp(text + length - size, end, size) == 0;
}

/* Spelled out, without the normalising that the milter's own judgement rests on. */
static bool looks_own(const char *domain, size_t length)
{
    length -= length > 0 && domain[length - 1] == '.';
    return (length == strlen("example.org") && ends_in(domain, length, "example.org")) ||
           ends_in(domain, length, ".example.test");
}

/* The same of one that is written in a roundabout way, as an own mailer may have it: with blanks,
 * quotes, escapes, comments and further dots. */
static bool reads_own(const char *domain, size_t length)
{
    char *words = fuzz_alloc(length + 1);
    size_t kept = 0;
    int comments = 0;

    for (size_t i = 0; i < length; i++) {
        bool escaped = domain[i] == '\\' && i + 1 < length;

        i += escaped;
        if (!escaped && (domain[i] == '(' || domain[i] == ')')) {
            comments += domain[i] == '(' ? 1 : -1;
        } else if (comments == 0 && (escaped || strchr(" \t\r\n\"", domain[i]) == NULL)) {
            words[kept++] = domain[i];
        }
    }
    while (kept > 0 && words[kept - 1] == '.') {
        kept--;
    }
    bool own = looks_own(words, kept);
    free(words);
    return own;
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text == '\0';
}

static void check_destination(enum destination destination, const struct rcpt_meaning *meaning,
                              const char *path)
{
    struct mail_address asked;
    const struct mail_address *resolved = &meaning->resolved;
    bool own_mailer =
        strcasecmp(meaning->mailer, local) == 0 || strcasecmp(meaning->mailer, virtual) == 0;

    FUZZ_MUST(destination <= DESTINATION_EXTERNAL);
    mail_address_split(path, strlen(path), &asked);
    if (mail_address_is_bare_postmaster(&asked)) {
        FUZZ_MUST(destination == DESTINATION_OWN);
        return;
    }
    bool named = resolved->domain != NULL && resolved->domain_length > 0;
    if (destination == DESTINATION_OWN && named && is_ascii(meaning->resolved_text)) {
        FUZZ_MUST(looks_own(resolved->domain, resolved->domain_length) ||
                  (own_mailer && (memchr(resolved->domain, '[', resolved->domain_length) != NULL ||
                                  reads_own(resolved->domain, resolved->domain_length))));
    }
    if (destination == DESTINATION_OWN && !named) {
        FUZZ_MUST(own_mailer);
    }
    if (destination == DESTINATION_MTA_OWN) {
        FUZZ_MUST(own_mailer || strcasecmp(meaning->mailer, "error") == 0);
    }
}

static void check_finding(const struct finding *finding)
{
    static struct announcement announcement;
    static const struct sink_identity identity = {"relaywarden-milter", "mx.example.org"};
    char line[LINE_SIZE];

    announcement.incident.finding = *finding;
    snprintf(announcement.incident.id, sizeof(announcement.incident.id), "0123456789abcdef");
    size_t written = format_kv(line, sizeof(line), &announcement);
    FUZZ_MUST(written == strlen(line) && written < sizeof(line));
    FUZZ_MUST(fuzz_is_shown(line, false));
    FUZZ_MUST(fuzz_is_shown(finding->why, false) && fuzz_is_shown(finding->fix.text, false));
    FUZZ_MUST(fuzz_is_shown(finding->key, false));
    FUZZ_MUST(finding_get(finding, "client") != NULL && finding_get(finding, "recipient") != NULL);
    FUZZ_MUST(finding_get(finding, "permission") != NULL);
    json_t *object = format_json(&announcement, &identity);
    char *text = json_dumps(object, JSON_COMPACT);
    FUZZ_MUST(object != NULL && text != NULL && fuzz_is_shown(text, false));
    json_t *again = json_loads(text, 0, NULL);
    FUZZ_MUST(again != NULL && json_equal(again, object));
    json_decref(again);
    free(text);
    json_decref(object);
}

struct said {
    char *client, *daemon, *helo, *sender, *path, *mailer, *host, *address, *queue_id;
    char *type, *authen, *subject;
};

static void said_connect(struct connection *connection, const struct said *said)
{
    memset(connection, 0, sizeof(*connection));
    (void)address_parse(said->client, &connection->client.address);
    (void)address_parse(said->daemon, &connection->client.listener);
    address_format(&connection->client.address, connection->client.text);
    address_format_port(&connection->client.listener, 25, connection->client.listener_text);
    connection_helo(connection, said->helo);
    snprintf(connection->transaction.sender, sizeof(connection->transaction.sender), "%s",
             said->sender);
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void judge(const struct said *said)
{
    const struct judge_rules rules = {
        .site = site(), .own_mailers = mailers, .own_mailer_count = 2};
    const struct rcpt_macros macros = {or_null(said->mailer), or_null(said->host),
                                       or_null(said->address)};
    const struct client_macros client = {.auth_type = or_null(said->type),
                                         .auth_authen = or_null(said->authen),
                                         .cert_subject = or_null(said->subject)};
    struct connection connection;
    struct rcpt_meaning meaning;
    struct finding finding;

    said_connect(&connection, said);
    connection.transaction.permission =
        judge_permission(rules.site, &connection.client.address, &client);
    FUZZ_MUST(connection.transaction.permission <= PERMISSION_CLIENT_CERTIFICATE);
    FUZZ_MUST(connection.transaction.permission != PERMISSION_AUTHENTICATED ||
              strcasecmp(said->type, "ANONYMOUS") != 0);
    dialect_rcpt(&macros, said->path, &meaning);
    FUZZ_MUST(meaning.decision <= DECISION_DEFERRED);
    FUZZ_MUST(meaning.decision == DECISION_ACCEPTED || strcasecmp(said->mailer, "error") == 0);
    enum destination destination =
        judge_destination(&rules, &meaning, said->path, &connection.client.listener);
    if (meaning.decision == DECISION_ACCEPTED) {
        check_destination(destination, &meaning, said->path);
    }
    enum judgement judgement =
        judge_recipient(connection.transaction.permission, meaning.decision, destination);
    FUZZ_MUST(judgement == JUDGEMENT_FINE || connection.transaction.permission == PERMISSION_NONE);
    FUZZ_MUST(judgement != JUDGEMENT_FINE || connection.transaction.permission != PERMISSION_NONE ||
              meaning.decision != DECISION_ACCEPTED || destination == DESTINATION_OWN);
    const struct recipient_seen seen = {
        .path = said->path,
        .rcpt = &meaning,
        .destination = destination,
        .sender_class = site_classify_sender(rules.site, said->sender),
    };
    FUZZ_MUST(seen.sender_class <= SENDER_NULL);
    relay_finding_open(&finding, &connection.client, &connection.transaction, &seen);
    check_finding(&finding);
    relay_finding_undeclared(&finding, &connection.client, &connection.transaction, &seen);
    check_finding(&finding);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct fuzz_input input = {bytes, length};
    struct said said = {0};
    char **const fields[] = {&said.client,   &said.daemon, &said.helo,   &said.sender,
                             &said.path,     &said.mailer, &said.host,   &said.address,
                             &said.queue_id, &said.type,   &said.authen, &said.subject};
    const size_t count = sizeof(fields) / sizeof(fields[0]);

    for (size_t i = 0; i < count; i++) {
        *fields[i] = fuzz_field(&input);
    }
    judge(&said);
    for (size_t i = 0; i < count; i++) {
        free(*fields[i]);
    }
    return 0;
}
