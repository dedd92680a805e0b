/* The sink that sends mail, through a program that reads a message as sendmail(1) -t does: what the
 * MTA has taken it keeps and tries for days, which no client of ours could. While the program does
 * not take it (an MTA that is stopped, a spool that is full), it waits here. Sources: RFC 5322,
 * 2045 and 2047 (form), 3834 (Auto-Submitted).
 *
 * Threads: the id of an incident's first mail is made of the incident's own, so that later ones
 * answer it whatever was restarted meanwhile, and a first mail that goes out twice is one for
 * whoever sorts by Message-ID.
 *
 * Nothing that a client sent is in a header but as an encoded word, and the body is
 * quoted-printable: it is ASCII on every way, no line of it is long or begins with "From ", and a
 * command in a remedy stays in one piece. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/alert/sink/backlog.h"
#include "lib/alert/sink/format.h"
#include "lib/alert/sink/runner.h"
#include "lib/alert/sink/sink.h"

#define LINE_MAX_QP 76 /* RFC 2045, section 6.7 */
#define WORD_MAX    75 /* RFC 2047, section 2 */
#define SUBJECT_MAX 200
#define HOST_SIZE   256
#define FROM_SIZE   512
#define GROUPS_MAX  1024 /* that are looked at */

struct mail_sink {
    struct sink sink;
    const struct sink_identity *identity;
    struct runner runner;
    char **to;
    size_t to_count;
    char from[FROM_SIZE];
    char domain[HOST_SIZE]; /* this host's name, as an id may have it */
    struct backlog backlog;
};

static struct mail_sink *from_sink(struct sink *sink)
{
    return (struct mail_sink *)((char *)sink - offsetof(struct mail_sink, sink));
}

/* ---- headers --------------------------------------------------------------------------------- */

/* RFC 5322, section 3.3; in English whatever the locale. */
static void write_date(FILE *out, time_t time)
{
    static const char day[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char month[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm utc = {.tm_mday = 1, .tm_year = 70, .tm_wday = 4};

    gmtime_r(&time, &utc);
    fprintf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\n", day[utc.tm_wday], utc.tm_mday,
            month[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

static bool is_plain_word(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

/* The octets of the character at `text`, which is valid UTF-8. */
static size_t character(const char *text)
{
    unsigned char lead = (unsigned char)*text;

    return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

/* RFC 2047, section 4.2: what may stand for itself in any place. */
static bool stands_for_itself(char octet)
{
    return isascii((unsigned char)octet) &&
           (isalnum((unsigned char)octet) || strchr("!*+-/", octet) != NULL);
}

/* As encoded words, no character split between two, on lines of which the first has `column` octets
 * already. */
static void write_encoded(FILE *out, const char *text, size_t length, size_t column)
{
    static const char open[] = "=?utf-8?Q?";

    column += (size_t)fprintf(out, "%s", open);
    for (size_t i = 0; i < length;) {
        size_t octets = character(text + i);

        if (octets > length - i) {
            octets = length - i;
        }
        if (column + 3 * octets + 2 > WORD_MAX) {
            column = (size_t)fprintf(out, "?=\n %s", open) - sizeof("?=\n") + 1;
        }
        for (size_t j = i; j < i + octets; j++) {
            if (text[j] == ' ') {
                column += (size_t)fprintf(out, "_");
            } else if (stands_for_itself(text[j])) {
                column += (size_t)fprintf(out, "%c", text[j]);
            } else {
                column += (size_t)fprintf(out, "=%02X", (unsigned char)text[j]);
            }
        }
        i += octets;
    }
    fputs("?=\n", out);
}

/* Whether each word has room on a line of its own. */
static bool can_be_folded(const char *text, size_t length)
{
    size_t word = 0;

    for (size_t i = 0; i < length; i++) {
        word = text[i] == ' ' ? 0 : word + 1;
        if (word > WORD_MAX - sizeof("Subject: ")) {
            return false;
        }
    }
    return true;
}

/* Plain text is folded at a space where it gets long. */
static void write_subject(FILE *out, const char *text)
{
    size_t length = format_cut_to(text, SUBJECT_MAX);
    size_t column = (size_t)fprintf(out, "Subject: ");

    /* "=?" in plain text would be read as the beginning of an encoded word. */
    if (!is_plain_word(text, length) || strstr(text, "=?") != NULL ||
        !can_be_folded(text, length)) {
        write_encoded(out, text, length, column);
        return;
    }
    for (size_t i = 0; i < length;) {
        size_t word = strcspn(text + i, " ");

        if (word > length - i) {
            word = length - i;
        }
        if (i > 0) {
            column = column + 1 + word > LINE_MAX_QP ? (size_t)fprintf(out, "\n ") - 1
                                                     : column + (size_t)fprintf(out, " ");
        }
        column += (size_t)fprintf(out, "%.*s", (int)word, text + i);
        i += word + 1;
    }
    fputc('\n', out);
}

/* "listener 203.0.113.25:25, network 198.51.100.0/24" */
static void name_subject(const struct finding *finding, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    for (size_t i = 0; i < finding->fields; i++) {
        const struct finding_field *field = &finding->field[i];

        if ((field->places & FIELD_SUBJECT) == 0 || length >= size - 1) {
            continue;
        }
        length += (size_t)snprintf(out + length, size - length, "%s%s %s", length > 0 ? ", " : "",
                                   field->name, finding->arena + field->value);
    }
    if (length == 0) {
        snprintf(out, size, "%s", finding->why);
    }
}

static void head_subject(FILE *out, const struct mail_sink *self,
                         const struct announcement *announcement)
{
    static const char *const states[] = {
        [INCIDENT_OPENED] = "", [INCIDENT_REPEATED] = "STILL ", [INCIDENT_RESOLVED] = "RESOLVED"};
    const struct finding *finding = &announcement->incident.finding;
    char about[FINDING_WHY_SIZE];
    char text[sizeof(about) + HOST_SIZE + 64];

    name_subject(finding, about, sizeof(about));
    snprintf(text, sizeof(text), "[%s] %s%s%s %s: %s", self->domain,
             announcement->test ? "TEST " : "", states[announcement->state],
             announcement->state == INCIDENT_RESOLVED ? "" : severity_label(finding->severity),
             format_kind(announcement), about);
    write_subject(out, text);
}

static void write_recipients(FILE *out, const struct mail_sink *self)
{
    fputs("To: ", out);
    for (size_t i = 0; i < self->to_count; i++) {
        fprintf(out, "%s%s", i > 0 ? ",\n " : "", self->to[i]);
    }
    fputc('\n', out);
}

static void write_ids(FILE *out, const struct mail_sink *self,
                      const struct announcement *announcement)
{
    const char *id = announcement->incident.id;

    if (announcement->state == INCIDENT_OPENED) {
        fprintf(out, "Message-ID: <incident.%s@%s>\n", id, self->domain);
        return;
    }
    fprintf(out,
            "Message-ID: <incident.%s.%s.%jd@%s>\n"
            "In-Reply-To: <incident.%s@%s>\n"
            "References: <incident.%s@%s>\n",
            id, incident_state_name(announcement->state), (intmax_t)announcement->time,
            self->domain, id, self->domain, id, self->domain);
}

/* X-Relaywarden- and Importance are for whoever sorts mail. */
static void write_head(FILE *out, const struct mail_sink *self,
                       const struct announcement *announcement)
{
    const struct finding *finding = &announcement->incident.finding;

    fprintf(out, "From: %s\n", self->from);
    write_recipients(out, self);
    head_subject(out, self, announcement);
    write_date(out, announcement->time);
    write_ids(out, self, announcement);
    fprintf(out,
            "MIME-Version: 1.0\n"
            "Content-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: quoted-printable\n"
            "Auto-Submitted: auto-generated\n"
            "X-Auto-Response-Suppress: All\n"
            "X-Relaywarden-Incident: %s\n"
            "X-Relaywarden-State: %s\n"
            "X-Relaywarden-Kind: %s\n"
            "X-Relaywarden-Severity: %s\n",
            announcement->incident.id, incident_state_name(announcement->state),
            format_kind(announcement), severity_name(finding->severity));
    if (finding->severity == SEVERITY_CRITICAL && announcement->state != INCIDENT_RESOLVED) {
        fputs("Importance: high\n", out);
    }
    fputc('\n', out);
}

/* ---- the body -------------------------------------------------------------------------------- */

/* The body in plain UTF-8, one paragraph a line. */
static void write_text(FILE *out, const struct mail_sink *self,
                       const struct announcement *announcement)
{
    const struct incident *incident = &announcement->incident;
    const struct finding *finding = &incident->finding;
    char why[FORMAT_WHY_SIZE];
    char opened[FORMAT_TIME_SIZE];
    char seen[FORMAT_TIME_SIZE];
    char page[FINDING_PAGE_SIZE];

    fprintf(out, "%s\n", format_why(announcement, why));
    if (finding->fix.text[0] != '\0' && announcement->state != INCIDENT_RESOLVED) {
        fputs("\nDo this:\n", out);
        for (size_t i = 0; i < finding->fix.count; i++) {
            const struct remedy_part *part = &finding->fix.part[i];

            fprintf(out, "  %.*s\n", part->begin + part->length - part->shown,
                    finding->fix.text + part->shown);
        }
    }
    fputs(finding->fields > 0 ? "\nEvidence:\n" : "", out);
    for (size_t i = 0; i < finding->fields; i++) {
        fprintf(out, "  %-14s %s\n", finding->field[i].name,
                finding->arena + finding->field[i].value);
    }
    fprintf(out, "\nIncident %s, %s: opened %s, last seen %s, counted %" PRIu64 " time%s.\n",
            incident->id, incident_state_name(announcement->state),
            format_time(opened, incident->opened), format_time(seen, incident->last_seen),
            finding->count, finding->count == 1 ? "" : "s");
    fprintf(out, "Told by %s on %s. Its manual is %s(8); of %s this tells more:\n%s\n",
            self->identity->program, self->identity->host, self->identity->program,
            format_kind(announcement), format_page(announcement, page));
}

/* RFC 2045, section 6.7. "From " at a line's beginning is what an mbox is split at. */
static void write_quoted_printable(FILE *out, const char *text)
{
    size_t column = 0;

    for (const char *at = text; *at != '\0'; at++) {
        unsigned char octet = (unsigned char)*at;
        bool ends_line = at[1] == '\n' || at[1] == '\0';
        bool plain = octet >= ' ' && octet < 0x7f && octet != '=' && !(octet == ' ' && ends_line) &&
                     !(column == 0 && (octet == '.' || strncmp(at, "From ", 5) == 0));

        if (octet == '\n') {
            fputc('\n', out);
            column = 0;
            continue;
        }
        /* Room for the "=" of a soft break is kept. */
        if (column + (plain ? 1 : 3) > LINE_MAX_QP - 1) {
            fputs("=\n", out);
            column = 0;
        }
        column += (size_t)(plain ? fprintf(out, "%c", octet) : fprintf(out, "=%02X", octet));
    }
}

/* NULL: memory is out. The caller frees it. */
static char *compose_text(const struct mail_sink *self, const struct announcement *announcement)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) {
        return NULL;
    }
    write_text(out, self, announcement);
    bool whole = ferror(out) == 0;
    if (fclose(out) != 0 || !whole) {
        free(text);
        return NULL;
    }
    return text;
}

static char *compose(const struct mail_sink *self, const struct announcement *announcement)
{
    char *message = NULL;
    size_t length = 0;
    char *text = compose_text(self, announcement);
    FILE *out = text == NULL ? NULL : open_memstream(&message, &length);

    if (out == NULL) {
        free(text);
        return NULL;
    }
    write_head(out, self, announcement);
    write_quoted_printable(out, text);
    free(text);
    bool whole = ferror(out) == 0;
    if (fclose(out) != 0 || !whole) {
        free(message);
        return NULL;
    }
    return message;
}

/* ---- the sink -------------------------------------------------------------------------------- */

static bool is_member(gid_t group)
{
    gid_t groups[GROUPS_MAX];
    int count = getgroups(GROUPS_MAX, groups);

    for (int i = 0; i < count; i++) {
        if (groups[i] == group) {
            return true;
        }
    }
    return getegid() == group;
}

static bool may_gain_no_privilege(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void explain(char error[SINK_ERROR_SIZE])
{
    static const char hint[] = "; this service may gain no privilege (NoNewPrivileges): name a "
                               "program that speaks SMTP, such as msmtp";
    size_t length = strlen(error);

    if (!may_gain_no_privilege()) {
        return;
    }
    if (length > SINK_ERROR_SIZE - sizeof(hint)) {
        length = format_cut(error, SINK_ERROR_SIZE - sizeof(hint));
    }
    memcpy(error + length, hint, sizeof(hint));
}

/* Postfix's sendmail hands over to a set-group-ID postdrop. Started by whoever may gain no
 * privilege, that one tries for ever to make its file (Postfix 3.7, measured): nobody would learn
 * it before the first alert. Who is in its group needs no privilege. */
static int try_postdrop(const struct mail_sink *self, char error[SINK_ERROR_SIZE])
{
    static const char sendmail[] = "/usr/sbin/sendmail";
    struct stat status;

    if (strcmp(self->runner.arguments[0], sendmail) != 0 || geteuid() == 0 ||
        !may_gain_no_privilege() || stat("/usr/sbin/postdrop", &status) != 0 ||
        (status.st_mode & S_ISGID) == 0 || is_member(status.st_gid)) {
        return 0;
    }
    snprintf(error, SINK_ERROR_SIZE,
             "%s is Postfix's and needs the group of postdrop (NoNewPrivileges): name msmtp as "
             "program, or add with systemctl edit: SupplementaryGroups=postdrop "
             "ReadWritePaths=/var/spool/postfix/maildrop RestrictAddressFamilies=AF_NETLINK",
             sendmail);
    return -1;
}

static enum sink_fate hand_over(struct sink *sink, const struct announcement *announcement,
                                char error[SINK_ERROR_SIZE])
{
    static char path[] = RUNNER_PATH;
    const struct mail_sink *self = from_sink(sink);
    char *environment[] = {path, NULL};
    char *message = compose(self, announcement);

    if (message == NULL) {
        snprintf(error, SINK_ERROR_SIZE, "out of memory");
        return SINK_FAILED;
    }
    const struct runner_order order = {.text = message, .environment = environment};
    int result = runner_run(&self->runner, &order, error);
    free(message);
    if (result == 0) {
        return SINK_TAKEN;
    }
    explain(error);
    return SINK_FAILED;
}

static int announce(struct sink *sink, const struct announcement *announcement,
                    char error[SINK_ERROR_SIZE])
{
    return backlog_announce(&from_sink(sink)->backlog, announcement, error);
}

static int retry(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    return backlog_retry(&from_sink(sink)->backlog, error);
}

static void succeed(struct sink *sink, struct sink *before)
{
    backlog_succeed(&from_sink(sink)->backlog, &from_sink(before)->backlog);
}

static int open_sink(struct sink *sink, char error[SINK_ERROR_SIZE])
{
    const struct mail_sink *self = from_sink(sink);

    return runner_check(&self->runner, error) == 0 ? try_postdrop(self, error) : -1;
}

static void interrupt(struct sink *sink)
{
    runner_interrupt(&from_sink(sink)->runner);
}

static void free_recipients(struct mail_sink *self)
{
    for (size_t i = 0; self->to != NULL && i < self->to_count; i++) {
        free(self->to[i]);
    }
    free(self->to);
}

static void free_sink(struct sink *sink)
{
    struct mail_sink *self = from_sink(sink);

    backlog_free(&self->backlog);
    runner_free(&self->runner);
    free_recipients(self);
    free(self);
}

static bool copy_recipients(struct mail_sink *self, const struct mail_settings *settings)
{
    self->to = calloc(settings->to_count, sizeof(*self->to));
    for (size_t i = 0; self->to != NULL && i < settings->to_count; i++) {
        self->to[i] = strdup(settings->to[i]);
        self->to_count = i + 1;
        if (self->to[i] == NULL) {
            return false;
        }
    }
    return self->to != NULL;
}

/* A host's name is the administrator's, but it stands in headers. A name without a domain is left
 * to the MTA, which knows its own. */
static void name_sender(struct mail_sink *self, const char *from)
{
    size_t length = 0;

    for (const char *at = self->identity->host; *at != '\0' && length < HOST_SIZE - 1; at++) {
        bool fits = isascii((unsigned char)*at) &&
                    (isalnum((unsigned char)*at) || (strchr("-.", *at) != NULL && length > 0));

        if (fits) {
            self->domain[length++] = *at;
        }
    }
    if (length == 0) {
        snprintf(self->domain, sizeof(self->domain), "localhost");
    }
    if (from != NULL && from[0] != '\0') {
        snprintf(self->from, sizeof(self->from), "%s", from);
    } else if (strchr(self->domain, '.') != NULL) {
        snprintf(self->from, sizeof(self->from), "relaywarden@%s", self->domain);
    } else {
        snprintf(self->from, sizeof(self->from), "relaywarden");
    }
}

struct sink *sink_mail_new(const struct sink_source *source)
{
    const struct mail_settings *settings = &source->settings->mail;
    struct mail_sink *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->sink = (struct sink){.name = "mail",
                               .announce = announce,
                               .retry = retry,
                               .open = open_sink,
                               .succeed = succeed,
                               .interrupt = interrupt,
                               .free = free_sink};
    backlog_init(&self->backlog, &self->sink, hand_over);
    self->identity = source->identity;
    name_sender(self, settings->from);
    if (!runner_init(&self->runner, settings->program, settings->program_count)) {
        free(self);
        return NULL;
    }
    if (copy_recipients(self, settings)) {
        return &self->sink;
    }
    free_sink(&self->sink);
    return NULL;
}
