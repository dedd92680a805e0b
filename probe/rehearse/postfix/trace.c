#include "probe/rehearse/postfix/trace.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FRAMES_MAX 32
#define WORD_MAX   256
#define REF_MAX    1024

/* A check that is being made. */
struct frame {
    char name[WORD_MAX];
    size_t facts; /* how many there were when it began: those behind are its own */
};

/* The last pattern that something was compared with. */
struct compared {
    char list[WORD_MAX];
    char what[REF_MAX];
    char pattern[REF_MAX];
    bool set;
};

struct reader {
    const char *recipient;
    struct trace *trace; /* of what the block says: kept only where it granted */
    struct compared smtpd;
    struct compared resolver;
    struct compared destination; /* of the resolver, for the recipient's domain */
    struct frame frames[FRAMES_MAX];
    size_t depth;  /* frames that are open; more than FRAMES_MAX are only counted */
    size_t blocks; /* START without END */
    bool in_block; /* the outermost is about the recipient */
    bool granted;  /* a fact of this block's permit was kept */
    bool no_memory;
};

/* ---- facts ---- */

static void free_fact(struct trace_fact *fact)
{
    free(fact->subject);
    free(fact->table);
    free(fact->key);
    free(fact->pattern);
}

void trace_free(struct trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        free_fact(&trace->facts[i]);
    }
    free(trace->facts);
    *trace = (struct trace){0};
}

static char *copy_or_null(struct reader *reader, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    char *copy = strdup(text);
    reader->no_memory = reader->no_memory || copy == NULL;
    return copy;
}

static void add_fact(struct reader *reader, enum trace_fact_kind kind, const char *subject,
                     const char *const texts[3])
{
    struct trace *trace = reader->trace;

    if (trace->count >= TRACE_FACTS_MAX) {
        return;
    }
    if (trace->count == trace->room) {
        size_t room = trace->room == 0 ? 16 : trace->room * 2;
        struct trace_fact *more = reallocarray(trace->facts, room, sizeof(*more));
        if (more == NULL) {
            reader->no_memory = true;
            return;
        }
        trace->facts = more;
        trace->room = room;
    }
    trace->facts[trace->count++] = (struct trace_fact){
        .kind = kind,
        .subject = copy_or_null(reader, subject),
        .table = copy_or_null(reader, texts[0]),
        .key = copy_or_null(reader, texts[1]),
        .pattern = copy_or_null(reader, texts[2]),
    };
}

static void drop_facts(struct trace *trace, size_t from)
{
    while (trace->count > from) {
        free_fact(&trace->facts[--trace->count]);
    }
}

/* ---- lines ---- */

static void copy(char *out, size_t size, const char *text, size_t length)
{
    if (length >= size) {
        length = size - 1;
    }
    memcpy(out, text, length);
    out[length] = '\0';
}

/* "hash:/etc/x(0,lock|fold_fix)" without its flags. */
static void strip_flags(char *reference)
{
    size_t length = strlen(reference);
    char *open = strrchr(reference, '(');

    if (length > 0 && reference[length - 1] == ')' && open != NULL && open > reference) {
        *open = '\0';
    }
}

/* Whether a pattern is a table: it was printed with its flags. */
static bool is_table(const char *pattern)
{
    size_t length = strlen(pattern);
    const char *open = strrchr(pattern, '(');

    return length > 0 && pattern[length - 1] == ')' && open != NULL && strchr(pattern, ':') != NULL;
}

/* "LIST: WHAT ~? PATTERN" */
static bool read_compared(const char *text, struct compared *out)
{
    const char *colon = strstr(text, ": ");
    const char *mark = colon == NULL ? NULL : strstr(colon + 2, " ~? ");

    if (mark == NULL) {
        return false;
    }
    copy(out->list, sizeof(out->list), text, (size_t)(colon - text));
    copy(out->what, sizeof(out->what), colon + 2, (size_t)(mark - colon - 2));
    copy(out->pattern, sizeof(out->pattern), mark + 4, strlen(mark + 4));
    out->set = true;
    return true;
}

static void add_compared(struct reader *reader, const struct compared *compared)
{
    char table[REF_MAX];

    if (is_table(compared->pattern)) {
        copy(table, sizeof(table), compared->pattern, strlen(compared->pattern));
        strip_flags(table);
        add_fact(reader, TRACE_LIST, compared->list,
                 (const char *const[]){table, compared->what, NULL});
    } else {
        add_fact(reader, TRACE_LIST, compared->list,
                 (const char *const[]){NULL, compared->what, compared->pattern});
    }
}

/* ---- checks ---- */

static bool is_destination_check(const char *name)
{
    static const char *const checks[] = {"reject_unauth_destination", "defer_unauth_destination",
                                         "permit_auth_destination"};

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (strcasecmp(name, checks[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void begin_check(struct reader *reader, const char *name, size_t length)
{
    if (reader->depth < FRAMES_MAX) {
        struct frame *frame = &reader->frames[reader->depth];
        copy(frame->name, sizeof(frame->name), name, length);
        frame->facts = reader->trace->count;
        reader->smtpd.set = false;
    }
    reader->depth++;
}

static void end_check(struct reader *reader, int status)
{
    if (reader->depth == 0) {
        return;
    }
    reader->depth--;
    if (reader->depth >= FRAMES_MAX) {
        return;
    }
    const struct frame *frame = &reader->frames[reader->depth];
    bool of_destination = is_destination_check(frame->name);
    if (of_destination && (status == 0 || status == 1)) {
        reader->trace->destination = true;
    }
    if (status != 1) {
        drop_facts(reader->trace, frame->facts);
        return;
    }
    if (reader->smtpd.set && !of_destination) {
        add_compared(reader, &reader->smtpd);
        reader->smtpd.set = false;
    }
    reader->trace->permitted = true;
    /* Its table, if it looked one up: the last of its facts. */
    const char *table = NULL;
    for (size_t i = frame->facts; i < reader->trace->count; i++) {
        const struct trace_fact *fact = &reader->trace->facts[i];
        if (fact->kind == TRACE_TABLE && strcmp(fact->subject, frame->name) == 0) {
            table = fact->table;
        }
    }
    if (!of_destination) {
        add_fact(reader, TRACE_RESTRICTION, frame->name, (const char *const[]){table, NULL, NULL});
    }
}

/* "name=X" or "name=X status=S" */
static void read_check(struct reader *reader, const char *text)
{
    size_t length = strcspn(text, " ");
    const char *status = strstr(text + length, " status=");

    if (!reader->in_block) {
        return;
    }
    if (status == NULL) {
        begin_check(reader, text, length);
    } else {
        end_check(reader, status[8] - '0');
    }
}

/* ---- look-ups ---- */

static const char *check_name(const struct reader *reader)
{
    return reader->depth == 0 || reader->depth > FRAMES_MAX
               ? NULL
               : reader->frames[reader->depth - 1].name;
}

/* "MAPS: TABLE(0,flags): KEY = VALUE". A maps_find of a check has the table as its title. */
static void read_found(struct reader *reader, const char *text)
{
    char title[REF_MAX];
    char table[REF_MAX];
    char key[REF_MAX];
    const char *flags = strstr(text, "): ");
    const char *equals = flags == NULL ? NULL : strstr(flags + 3, " = ");
    const char *open = NULL;

    if (equals == NULL) {
        return;
    }
    for (const char *at = text; at < flags; at++) {
        open = *at == '(' ? at : open;
    }
    if (open == NULL) {
        return;
    }
    copy(key, sizeof(key), flags + 3, (size_t)(equals - flags - 3));
    /* A check's maps have the reference itself as their title, and references may hold anything. */
    size_t total = (size_t)(open - text);
    size_t half = total / 2 - 1;
    if (total > 2 && total % 2 == 0 && strncmp(text + half, ": ", 2) == 0 &&
        strncmp(text, text + half + 2, half) == 0) {
        copy(table, sizeof(table), text, half);
        if (check_name(reader) != NULL) {
            add_fact(reader, TRACE_TABLE, check_name(reader),
                     (const char *const[]){table, key, NULL});
        }
        return;
    }
    const char *colon = strstr(text, ": ");
    if (colon != NULL && strncmp(text, "relay_clientcerts: ", 19) == 0 &&
        check_name(reader) != NULL) {
        copy(table, sizeof(table), colon + 2, (size_t)(open - colon - 2));
        add_fact(reader, TRACE_TABLE, check_name(reader), (const char *const[]){table, key, NULL});
        return;
    }
    if (colon != NULL && colon < open && reader->depth == 0 && reader->blocks == 0) {
        copy(title, sizeof(title), text, (size_t)(colon - text));
        copy(table, sizeof(table), colon + 2, (size_t)(open - colon - 2));
        add_fact(reader, TRACE_ALIAS, title, (const char *const[]){table, key, NULL});
    }
}

static void read_block(struct reader *reader, const char *text)
{
    if (strncmp(text, "START ", 6) == 0) {
        if (reader->blocks++ == 0) {
            reader->in_block = strncmp(text + 6, "Recipient ", 10) == 0;
            reader->depth = 0;
        }
    } else if (strncmp(text, "END ", 4) == 0 && reader->blocks > 0 && --reader->blocks == 0) {
        reader->in_block = false;
        reader->depth = 0;
    }
}

/* ---- both daemons ---- */

static bool is_match(const char *text, const char **rest)
{
    static const char *const beginnings[] = {
        "match_hostaddr: ", "match_hostname: ", "match_string: "};

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        size_t length = strlen(beginnings[i]);
        if (strncmp(text, beginnings[i], length) == 0) {
            *rest = text + length;
            return true;
        }
    }
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t more = strlen(end);

    return length >= more && strcmp(text + length - more, end) == 0;
}

static void read_smtpd(struct reader *reader, const char *text)
{
    const char *rest = NULL;

    if (strncmp(text, "generic_checks: name=", 21) == 0) {
        read_check(reader, text + 21);
    } else if (strncmp(text, ">>> ", 4) == 0) {
        read_block(reader, text + 4);
    } else if (is_match(text, &rest)) {
        (void)read_compared(rest, &reader->smtpd);
    } else if (strncmp(text, "match_list_match: ", 18) == 0) {
        /* Also of smtpd_log_access_permit_actions, which nothing was compared with. */
        reader->smtpd.set = reader->smtpd.set &&
                            strncmp(text + 18, reader->smtpd.what, strlen(reader->smtpd.what)) != 0;
    } else if (strncmp(text, "maps_find: ", 11) == 0 && !ends_with(text, ": not found")) {
        read_found(reader, text + 11);
    }
}

/* `SENDER' -> `RECIPIENT' -> (`TRANSPORT' ...: the resolver's answer for what it compared last. */
static bool is_resolved(const char *text, const char *recipient)
{
    char mark[REF_MAX + 8];

    copy(mark, sizeof(mark), "' -> `", 6);
    size_t used = strlen(mark);
    copy(mark + used, sizeof(mark) - used, recipient, strlen(recipient));
    used = strlen(mark);
    copy(mark + used, sizeof(mark) - used, "' -> (`", 7);
    return text[0] == '`' && strstr(text, mark) != NULL;
}

static void read_resolver(struct reader *reader, const char *text)
{
    const char *rest = NULL;

    if (is_match(text, &rest)) {
        (void)read_compared(rest, &reader->resolver);
    } else if (strncmp(text, "match_list_match: ", 18) == 0) {
        reader->resolver.set = false;
    } else if (is_resolved(text, reader->recipient)) {
        if (reader->resolver.set) {
            reader->destination = reader->resolver;
        }
        reader->resolver.set = false;
    }
}

static bool is_rcpt_of(const char *text, const char *recipient)
{
    const char *rcpt = strstr(text, "]: RCPT TO:");
    const char *open = rcpt == NULL ? NULL : strchr(rcpt, '<');

    return text[0] == '<' && rcpt != NULL &&
           strncasecmp(open == NULL ? rcpt + 11 : open + 1, recipient, strlen(recipient)) == 0;
}

/* ---- the whole ---- */

/* The text of a log line behind "NAME[PID]: ", and whether it is trivial-rewrite's. */
static const char *said(char *line, bool *is_resolver)
{
    char *pid = strchr(line, '[');

    while (pid != NULL && strspn(pid + 1, "0123456789") == 0) {
        pid = strchr(pid + 1, '[');
    }
    if (pid == NULL) {
        return NULL;
    }
    char *end = pid + 1 + strspn(pid + 1, "0123456789");
    if (strncmp(end, "]: ", 3) != 0) {
        return NULL;
    }
    *is_resolver = pid - line >= 15 && strncmp(pid - 15, "trivial-rewrite", 15) == 0;
    return end + 3;
}

static void read_line(struct reader *reader, char *line)
{
    bool is_resolver = false;
    const char *text = said(line, &is_resolver);

    if (text == NULL) {
        return;
    }
    if (is_resolver) {
        read_resolver(reader, text);
        return;
    }
    if (is_rcpt_of(text, reader->recipient)) {
        drop_facts(reader->trace, 0);
        reader->trace->permitted = reader->trace->destination = false;
        reader->blocks = reader->depth = 0;
        reader->in_block = false;
        reader->smtpd.set = false;
    }
    read_smtpd(reader, text);
}

/* The most special first: tables from the innermost on, aliases, lists, then checks. */
static void sort_facts(struct trace *trace)
{
    static const enum trace_fact_kind order[] = {TRACE_TABLE, TRACE_LIST, TRACE_ALIAS,
                                                 TRACE_RESTRICTION};
    struct trace_fact *sorted = calloc(trace->count + 1, sizeof(*sorted));
    size_t used = 0;

    if (sorted == NULL) {
        return;
    }
    for (size_t kind = 0; kind < sizeof(order) / sizeof(order[0]); kind++) {
        for (size_t i = trace->count; i-- > 0;) {
            /* Checks are told as they end: the innermost first. */
            size_t at = order[kind] == TRACE_RESTRICTION ? trace->count - 1 - i : i;
            if (trace->facts[at].kind == order[kind]) {
                sorted[used++] = trace->facts[at];
            }
        }
    }
    free(trace->facts);
    trace->facts = sorted;
    trace->room = trace->count + 1;
}

bool trace_read(const char *text, size_t length, const char *recipient, struct trace *out)
{
    struct trace trace = {0};
    struct reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL) {
        return false;
    }
    reader->recipient = recipient;
    reader->trace = &trace;
    for (size_t at = 0; at < length && !reader->no_memory;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t size = end == NULL ? length - at : (size_t)(end - text) - at;
        char *line = strndup(text + at, size);
        if (line == NULL) {
            reader->no_memory = true;
            break;
        }
        read_line(reader, line);
        free(line);
        at += size + 1;
    }
    if (reader->destination.set && trace.destination) {
        add_compared(reader, &reader->destination);
    }
    bool done = !reader->no_memory;
    free(reader);
    if (!done) {
        trace_free(&trace);
        return false;
    }
    sort_facts(&trace);
    *out = trace;
    return true;
}
