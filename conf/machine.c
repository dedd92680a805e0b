#include "conf/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/names.h"

/* An option that names something, where it was set (line 0: it is a default). */
struct named {
    const char *option;
    const char *value;
    int line;
};

static struct named name_of(const struct conf_draft *draft, const char *option,
                            enum conf_section section, const char *value)
{
    const struct conf_setting *setting = conf_tree_find(&draft->tree, section, option);

    return (struct named){
        .option = option, .value = value, .line = setting != NULL ? setting->line : 0};
}

static bool is_set(const struct named *named)
{
    return named->value != NULL && named->value[0] != '\0';
}

/* ---- programs ------------------------------------------------------------------------ */

/* The program that an option's list names; line 0 is that of a default. */
static void check_program(const struct conf_draft *draft, const struct named *named)
{
    char shown[CONF_SHOW_SIZE];
    struct stat status;

    conf_show(shown, named->value);
    if (named->value[0] != '/') {
        conf_mistake(draft->messages, named->line,
                     "%s: %s is no absolute path; no shell and no search path is used, so "
                     "write it from the root: /...",
                     named->option, shown);
    } else if (stat(named->value, &status) < 0) {
        conf_mistake(draft->messages, named->line, "%s: %s cannot be run: %s", named->option, shown,
                     strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        conf_mistake(draft->messages, named->line, "%s: %s is no regular file", named->option,
                     shown);
    } else if (faccessat(AT_FDCWD, named->value, X_OK, AT_EACCESS) < 0) {
        conf_mistake(draft->messages, named->line, "%s: %s is not executable", named->option,
                     shown);
    }
}

static void check_programs(const struct conf_draft *draft)
{
    const struct alert_settings *alert = &draft->conf->alert;
    const struct conf_setting *to = conf_tree_find(&draft->tree, SECTION_MAIL, "to");

    if (alert->command_count > 0) {
        const struct named command = name_of(draft, "command", SECTION_ALERT, alert->command[0]);

        check_program(draft, &command);
    }
    if (alert->mail.program_count > 0 && alert->mail.to_count > 0) {
        struct named program = name_of(draft, "program", SECTION_MAIL, alert->mail.program[0]);

        program.line = program.line > 0 ? program.line : to->line;
        check_program(draft, &program);
    }
}

/* ---- directories --------------------------------------------------------------------- */

static void check_directory(const struct conf_draft *draft, const struct named *named,
                            const char *path)
{
    char shown[CONF_SHOW_SIZE];
    struct stat status;

    conf_show(shown, path);
    if (stat(path, &status) == 0) {
        if (!S_ISDIR(status.st_mode)) {
            conf_mistake(draft->messages, named->line, "%s: %s is no directory", named->option,
                         shown);
        }
    } else if (errno == ENOENT) {
        conf_note(draft->messages, named->line, "%s: directory %s does not exist yet",
                  named->option, shown);
    } else if (errno == ENOTDIR) {
        conf_mistake(draft->messages, named->line, "%s: %s has a part that is no directory",
                     named->option, shown);
    } else {
        conf_note(draft->messages, named->line, "%s: directory %s cannot be looked at: %s",
                  named->option, shown, strerror(errno));
    }
}

/* The directory that a file is in. */
static void check_parent(const struct conf_draft *draft, const struct named *named,
                         const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : (size_t)(slash - path);

    snprintf(parent, sizeof(parent), "%.*s", (int)length, path);
    check_directory(draft, named, parent);
}

static void check_json(const struct conf_draft *draft)
{
    const struct named json = name_of(draft, "json", SECTION_ALERT, draft->conf->alert.json_path);
    char shown[CONF_SHOW_SIZE];
    struct stat status;

    if (!is_set(&json) || strcmp(json.value, ALERT_JSON_OUTPUT) == 0) {
        return;
    }
    conf_show(shown, json.value);
    bool there = stat(json.value, &status) == 0;
    int why = there ? 0 : errno;
    if (there && S_ISDIR(status.st_mode)) {
        conf_mistake(draft->messages, json.line, "json: %s is a directory; name a file", shown);
    } else if (there && !S_ISREG(status.st_mode)) {
        conf_mistake(draft->messages, json.line,
                     "json: %s is no regular file; name one, new or old, or \"-\" for standard "
                     "output",
                     shown);
    } else if (why == ELOOP || why == ENAMETOOLONG) {
        conf_mistake(draft->messages, json.line, "json: %s cannot be a file: %s", shown,
                     strerror(why));
    } else {
        check_parent(draft, &json, json.value);
    }
}

/* ---- the milter's -------------------------------------------------------------------------------
 */

static bool is_loopback_host(const char *host)
{
    struct address address;

    return address_parse(host, &address) ? address_is_loopback(&address)
                                         : strcasecmp(host, "localhost") == 0;
}

static void check_milter_socket(const struct conf_draft *draft)
{
    const struct conf_milter *milter = &draft->conf->milter;
    const struct named named = name_of(draft, "socket", SECTION_MILTER, milter->socket);
    const struct named group = name_of(draft, "socket_group", SECTION_MILTER, milter->socket_group);
    char error[CONF_VALUE_ERROR_SIZE];
    char shown[CONF_SHOW_SIZE];
    struct conf_socket socket;

    if (!is_set(&named) || !conf_read_socket(named.value, &socket, error)) {
        return;
    }
    if (socket.family != CONF_SOCKET_UNIX) {
        if (!is_loopback_host(socket.host)) {
            conf_note(draft->messages, named.line,
                      "socket: %s is not on the loopback address, and milters have no "
                      "authentication: whoever reaches it can speak to the filter",
                      conf_show(shown, named.value));
        }
        return;
    }
    check_parent(draft, &named, socket.path);
    if (is_set(&group) && getgrnam(group.value) == NULL) {
        conf_note(draft->messages, group.line, "socket_group: group %s does not exist yet",
                  conf_show(shown, group.value));
    }
}

static void check_milter_user(const struct conf_draft *draft)
{
    const struct named user = name_of(draft, "user", SECTION_MILTER, draft->conf->milter.user);
    char shown[CONF_SHOW_SIZE];

    if (is_set(&user) && getpwnam(user.value) == NULL) {
        conf_note(draft->messages, user.line, "user: user %s does not exist yet",
                  conf_show(shown, user.value));
    }
}

/* ---- all ----------------------------------------------------------------------------- */

static int line_of(const struct conf_draft *draft, const char *option, enum conf_section section)
{
    return name_of(draft, option, section, NULL).line;
}

static void keep_lines(const struct conf_draft *draft)
{
    const int program = line_of(draft, "program", SECTION_MAIL);
    const enum conf_section own = draft->program == CONF_MILTER ? SECTION_MILTER : SECTION_PROBE;

    draft->conf->lines = (struct conf_lines){
        .state_directory = line_of(draft, "state_directory", SECTION_ROOT),
        .json = line_of(draft, "json", SECTION_ALERT),
        .metrics_directory = line_of(draft, "metrics_directory", SECTION_ALERT),
        .command = line_of(draft, "command", SECTION_ALERT),
        .header_file = line_of(draft, "header_file", SECTION_WEBHOOK),
        .program = program > 0 ? program : line_of(draft, "to", SECTION_MAIL),
        .listen = line_of(draft, "listen", own),
    };
}

void conf_check_machine(const struct conf_draft *draft)
{
    const struct conf *conf = draft->conf;
    const struct named state =
        name_of(draft, "state_directory", SECTION_ROOT, conf->state_directory);
    const struct named metrics =
        name_of(draft, "metrics_directory", SECTION_ALERT, conf->alert.metrics_directory);

    keep_lines(draft);
    check_programs(draft);
    check_json(draft);
    if (is_set(&state)) {
        check_directory(draft, &state, state.value);
    }
    if (is_set(&metrics)) {
        check_directory(draft, &metrics, metrics.value);
    }
    if (draft->program == CONF_MILTER) {
        check_milter_socket(draft);
        check_milter_user(draft);
    }
}
