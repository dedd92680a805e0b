#include "probe/technique.h"

#include <string.h>

#include "lib/domain.h"

/* RFC 5321 section 4.5.3.1: octets of a local part (its quotes count), of a domain, and of a path
 * with its brackets and a source route. */
#define LOCAL_PART_MAX 64
#define DOMAIN_MAX     255
#define PATH_MAX_SMTP  256

/*
 * The external sender is the canary itself: a mailbox that exists, so that sender verification does
 * not hide the answer. A control keeps its technique's shape, with "=" in place of what routes: the
 * one thing left that it can be is a local mailbox that nobody has.
 */
const struct technique techniques[] = {
    {
        .id = "plain",
        .number = 1,
        .sender_class = TECHNIQUE_SENDER_EXTERNAL,
        .form = TECHNIQUE_PLAIN,
        .sender = "<{canary}>",
        .recipient = "<{canary}>",
        .summary = "an outside sender writes to an outside mailbox",
        .proves = "anybody can send mail to anybody through this server",
    },
    {
        .id = "null-sender",
        .number = 2,
        .sender_class = TECHNIQUE_SENDER_NULL,
        .form = TECHNIQUE_PLAIN,
        .sender = "<>",
        .recipient = "<{canary}>",
        .summary = "the null sender of bounces writes to an outside mailbox",
        .proves = "anybody can send mail through this server as if it were a bounce",
    },
    {
        .id = "own-sender",
        .number = 3,
        .sender_class = TECHNIQUE_SENDER_OWN,
        .form = TECHNIQUE_PLAIN,
        .sender = "<postmaster@{own}>",
        .recipient = "<{canary}>",
        .summary = "a sender in the site's own domain writes to an outside mailbox",
        .proves = "anybody who claims a sender in the site's domain can send mail to anybody",
    },
    {
        .id = "percent-hack",
        .number = 4,
        .sender_class = TECHNIQUE_SENDER_EXTERNAL,
        .form = TECHNIQUE_MAILBOX,
        .sender = "<{canary}>",
        .recipient = "<{canary.local}%{canary.domain}@{own}>",
        .control = "<{canary.local}={canary.domain}@{own}>",
        .summary = "the outside address is wrapped in an own one with a percent sign",
        .proves = "the server unwraps user%outside@own and forwards to the outside",
    },
    {
        .id = "quoted",
        .number = 5,
        .sender_class = TECHNIQUE_SENDER_EXTERNAL,
        .form = TECHNIQUE_MAILBOX,
        .sender = "<{canary}>",
        .recipient = "<\"{canary}\"@{own}>",
        .control = "<\"{canary.local}={canary.domain}\"@{own}>",
        .summary = "the outside address is the quoted local part of an own one",
        .proves = "the server unwraps \"user@outside\"@own and forwards to the outside",
    },
    {
        .id = "source-route",
        .number = 6,
        .sender_class = TECHNIQUE_SENDER_EXTERNAL,
        .form = TECHNIQUE_PLAIN,
        .sender = "<{canary}>",
        .recipient = "<@{own}:{canary}>",
        .summary = "an RFC 821 source route leads through the server to the outside",
        .proves = "the server follows source routes for anybody",
    },
    {
        .id = "bang-path",
        .number = 7,
        .sender_class = TECHNIQUE_SENDER_EXTERNAL,
        .form = TECHNIQUE_MAILBOX,
        .sender = "<{canary}>",
        .recipient = "<{canary.domain}!{canary.local}>",
        .control = "<{canary.domain}={canary.local}>",
        .summary = "a UUCP path leads to the outside mailbox",
        .proves = "the server turns outside!user into user@outside and forwards there",
    },
};

const size_t technique_count = sizeof(techniques) / sizeof(techniques[0]);

const struct technique *technique_find(const char *id)
{
    for (size_t i = 0; i < technique_count; i++) {
        if (strcmp(techniques[i].id, id) == 0) {
            return &techniques[i];
        }
    }
    return NULL;
}

/* A piece of text that need not be terminated. */
struct span {
    const char *text;
    size_t length;
};

static struct span span_of(const char *text)
{
    return (struct span){text, text != NULL ? strlen(text) : 0};
}

static bool span_is(struct span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.text, text, span.length) == 0;
}

/* What a name in braces stands for; empty for a name that there is not, and for a value that the
 * place lacks. */
static struct span named_value(struct span name, const struct technique_place *place)
{
    struct span canary = span_of(place->canary);
    const char *at = canary.length > 0 ? strrchr(canary.text, '@') : NULL;

    if (span_is(name, "canary.local")) {
        return (struct span){canary.text, at != NULL ? (size_t)(at - canary.text) : 0};
    }
    if (span_is(name, "canary.domain")) {
        return span_of(at != NULL ? at + 1 : NULL);
    }
    const struct {
        const char *name;
        const char *value;
    } whole[] = {
        {"canary", at != NULL ? place->canary : NULL},
        {"own", place->own},
        {"host", place->host},
        {"literal", place->literal},
    };
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (span_is(name, whole[i].name)) {
            return span_of(whole[i].value);
        }
    }
    return (struct span){NULL, 0};
}

static bool append(char *out, size_t *length, struct span span)
{
    if (span.length >= ENVELOPE_PATH_SIZE - *length) {
        return false;
    }
    memcpy(out + *length, span.text, span.length);
    *length += span.length;
    return true;
}

static bool expand(const char *template, const struct technique_place *place,
                   char out[ENVELOPE_PATH_SIZE])
{
    size_t length = 0;
    const char *at = template;
    while (*at != '\0') {
        struct span piece = {at, strcspn(at, "{")};
        at += piece.length;
        if (piece.length == 0) {
            size_t name = strcspn(at, "}");
            if (at[name] == '\0') {
                return false;
            }
            piece = named_value((struct span){at + 1, name - 1}, place);
            at += name + 1;
            if (piece.length == 0) {
                return false;
            }
        }
        if (!append(out, &length, piece)) {
            return false;
        }
    }
    out[length] = '\0';
    return true;
}

/* One command argument that cannot be read as anything else: brackets at its ends only, printable
 * ASCII without spaces, no backslash, and quotes as a pair round the local part or not at all. */
static bool path_is_clean(const char *path, size_t length)
{
    size_t quotes = 0;
    if (length < 2 || path[0] != '<' || path[length - 1] != '>') {
        return false;
    }
    for (size_t i = 1; i < length - 1; i++) {
        if (path[i] <= ' ' || path[i] > '~' || strchr("<>\\", path[i]) != NULL) {
            return false;
        }
        quotes += path[i] == '"';
    }
    return quotes == 0 || quotes == 2;
}

static bool path_fits(const char *path)
{
    size_t length = strlen(path);
    struct mail_address address;

    if (length > PATH_MAX_SMTP || !path_is_clean(path, length)) {
        return false;
    }
    mail_address_split(path, length, &address);
    return address.local_length <= LOCAL_PART_MAX && address.domain_length <= DOMAIN_MAX;
}

bool technique_envelope(const struct technique *technique, const struct technique_place *place,
                        struct envelope *out)
{
    struct envelope made = {.control = ""};

    if (!expand(technique->sender, place, made.sender) || !path_fits(made.sender) ||
        !expand(technique->recipient, place, made.recipient) || !path_fits(made.recipient)) {
        return false;
    }
    if (technique->control != NULL &&
        (!expand(technique->control, place, made.control) || !path_fits(made.control))) {
        return false;
    }
    *out = made;
    return true;
}
