#include "probe/rehearse/sendmail/listeners.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/net/tcp_service.h"
#include "probe/rehearse/sendmail/places.h"
#include "probe/rehearse/sendmail/reading.h"

#define WORD_SIZE 128

/* One DaemonPortOptions: of each equate its first letter counts. */
struct port_options {
    char name[WORD_SIZE];
    char address[WORD_SIZE];
    char port[WORD_SIZE];
    char modifiers[WORD_SIZE];
};

static void read_options(const char *text, struct port_options *out)
{
    *out = (struct port_options){.port = "smtp"};
    while (*text != '\0') {
        text += strspn(text, ", \t");
        size_t length = strcspn(text, ",");
        const char *equals = memchr(text, '=', length);
        if (equals != NULL) {
            const char *value = equals + 1 + strspn(equals + 1, " \t");
            int size = (int)strcspn(value, ", \t");
            char *to = NULL;
            switch (toupper((unsigned char)text[0])) {
            case 'N':
                to = out->name;
                break;
            case 'A':
                to = out->address;
                break;
            case 'P':
                to = out->port;
                break;
            case 'M':
                to = out->modifiers;
                break;
            default:
                break;
            }
            if (to != NULL) {
                snprintf(to, WORD_SIZE, "%.*s", size, value);
            }
        }
        text += length;
    }
}

static bool add_listener(struct candidate *candidate, const struct cf_line *line,
                         const char *options)
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    struct port_options of;

    read_options(options, &of);
    const struct candidate_listener listener = {
        .service = of.name[0] != '\0' ? of.name : of.port,
        .file = candidate_file(candidate, reading->main)->path,
        .line = line != NULL ? place_cf_line(candidate, line) : 1,
        .element = CANDIDATE_NO_ELEMENT,
        .type = CANDIDATE_INET,
        .host = of.address,
        .port = of.port,
        .port_number = tcp_service_port(of.port),
        .program = "sendmail",
        .pass = CANDIDATE_NO_LISTENER,
        .sasl = true,
        .tls = strchr(of.modifiers, 's') != NULL ? TLS_IMPLICIT : TLS_STARTTLS};
    return candidate_add_listener(candidate, &listener) != CANDIDATE_NO_LISTENER;
}

bool listeners_sendmail_read(struct candidate *candidate)
{
    const struct sendmail_reading *reading = reading_sendmail_of(candidate);
    bool any = false;

    for (size_t i = 0; i < reading->cf.count; i++) {
        const char *options = cf_option(&reading->cf.lines[i], "DaemonPortOptions");
        if (options != NULL) {
            any = true;
            if (!add_listener(candidate, &reading->cf.lines[i], options)) {
                return false;
            }
        }
    }
    return any || add_listener(candidate, NULL, "Name=MTA");
}
