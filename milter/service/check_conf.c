#include "milter/service/check_conf.h"

#include <pwd.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/token.h"
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
    char error[USER_ERROR_SIZE];

    if (!user_drop_to(user, error)) {
        fprintf(stderr, "note: %s\n", error);
        return;
    }
    conf_note_denied(&report, path, CONF_MILTER, user);
    for (size_t i = 0; i < report.note_count; i++) {
        fprintf(stderr, "%s\n", report.notes[i]);
    }
    conf_report_free(&report);
}

int conf_test(const struct conf *conf, const char *path)
{
    if (is_another(conf->milter.user)) {
        read_as(conf->milter.user, path);
    }
    printf("%s: configuration is valid\n", path);
    print_fingerprint("token_key_file", conf->token_key);
    print_fingerprint("token_key_also", conf->token_key_other);
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}
