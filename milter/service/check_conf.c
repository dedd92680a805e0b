#include "milter/service/check_conf.h"

#include <pwd.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/sys/standard_streams.h"
#include "lib/token.h"
#include "milter/discover/mta_way.h"
#include "milter/service/privileges.h"

/* Both programs print it, so that the two ends of a site can be compared. */
static void print_fingerprint(const char *option, const struct token_key *key)
{
    char fingerprint[TOKEN_FINGERPRINT_SIZE];

    if (key != NULL) {
        printf("%s: fingerprint %s\n", option, token_fingerprint(key, fingerprint));
    }
}

/* That a user does not exist yet is a note of the configuration's own. */
static bool is_another(const char *user)
{
    return user[0] != '\0' && geteuid() == 0 && getpwnam(user) != NULL;
}

static void read_as(const char *user, const char *path)
{
    struct conf_report report = {0};
    char error[PRIVILEGES_ERROR_SIZE];

    if (!privileges_drop_to(user, error)) {
        fprintf(stderr, "note: %s\n", error);
        return;
    }
    conf_note_denied(&report, path, CONF_MILTER, user);
    for (size_t i = 0; i < report.note_count; i++) {
        fprintf(stderr, "%s\n", report.notes[i]);
    }
    conf_report_free(&report);
}

/* Whether this process is the user that the filter will be. */
static bool is_the_filter(const struct conf *conf)
{
    const struct passwd *user = conf->milter.user[0] != '\0' ? getpwnam(conf->milter.user) : NULL;

    return conf->milter.user[0] == '\0' || (user != NULL && user->pw_uid == geteuid());
}

static bool try_as_the_filter(const struct conf *conf)
{
    struct conf_report report = {0};
    bool good = conf_try(conf, CONF_MILTER, &report);

    for (size_t i = 0; i < report.mistake_count; i++) {
        fprintf(stderr, "%s\n", report.mistakes[i]);
    }
    if (!good && report.mistake_count == 0) {
        fputs("relaywarden-milter: out of memory\n", stderr);
    }
    for (size_t i = 0; i < report.note_count; i++) {
        fprintf(stderr, "%s\n", report.notes[i]);
    }
    conf_report_free(&report);
    return good;
}

/* No other user can know what the filter may write to. */
static void tell_untried(const struct conf *conf, const char *path)
{
    const struct passwd *self = getpwuid(geteuid());

    fprintf(stderr,
            "note: what the filter writes to and runs was not tried: this is user %s, and the "
            "filter is user %s; to try it: sudo relaywarden-milter -t --config %s\n",
            self != NULL ? self->pw_name : "without a name", conf->milter.user, path);
}

/* It is Postfix's setting that is wrong then, and not this configuration. */
static void note_way(const struct conf *conf)
{
    char sentence[MTA_WAY_SIZE];

    if (mta_way_ask(conf->milter.socket, sentence) == MTA_WAY_WRONG) {
        fprintf(stderr, "note: %s\n", sentence);
    }
}

int check_conf(const struct conf *conf, const char *path)
{
    if (is_another(conf->milter.user)) {
        read_as(conf->milter.user, path);
    }
    if (!is_the_filter(conf)) {
        tell_untried(conf, path);
    } else if (!try_as_the_filter(conf)) {
        return EX_CONFIG;
    }
    note_way(conf);
    printf("%s: configuration is valid\n", path);
    print_fingerprint("token_key_file", conf->token_key);
    print_fingerprint("token_key_also", conf->token_key_other);
    return standard_output_flush("relaywarden-milter") ? EX_OK : EX_IOERR;
}
