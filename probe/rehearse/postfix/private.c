#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/sys/subprocess.h"
#include "probe/net/self_signed.h"
#include "probe/rehearse/postfix/private_services.h"
#include "probe/rehearse/postfix/service_line.h"
#include "probe/rehearse/private_server.h"
#include "probe/rehearse/stage/mounts.h"
#include "probe/rehearse/stage/stage.h"

#define CERTIFICATE PRIVATE_SERVER_CERTIFICATE
#define SPARE_QUEUE MOUNTS_BASE "/queue"
#define SPARE_DATA  MOUNTS_BASE "/data"
#define SIZE_LIMIT  "1048576"
#define META        MOUNTS_BASE "/meta"
#define ASK_MS      10000

/* Added behind an smtpd's own -o, and at the end of main.cf. Milters and content filters can
 * only refuse; limits and delays are about how often somebody asks, not about whom is let in. */
#define MILDER(begin, end)                                                                         \
    begin "smtpd_milters=" end begin "smtpd_proxy_filter=" end begin "content_filter=" end begin   \
          "smtpd_client_event_limit_exceptions=static:all" end begin                               \
          "smtpd_error_sleep_time=0" end begin "smtpd_soft_error_limit=10000" end begin            \
          "smtpd_hard_error_limit=10000" end begin "smtpd_junk_command_limit=10000" end begin      \
          "smtpd_tls_cert_file=" CERTIFICATE end begin "smtpd_tls_key_file=" CERTIFICATE end begin \
          "smtpd_tls_CAfile=" CERTIFICATE end begin "smtpd_tls_chain_files=" end begin             \
          "smtpd_tls_eccert_file=" end begin "smtpd_tls_eckey_file=" end begin                     \
          "smtpd_tls_dcert_file=" end begin "smtpd_tls_dkey_file=" end

/* Verbose for whoever asks, and not as it starts: with -v, smtpd of Postfix 3.7 dies when it opens
 * a cidr table that has an "endif" (dict_cidr.c prints an address that such a rule has not). */
#define TRACED " -o debug_peer_list=static:all -o debug_peer_level=1"

static const char main_end[] =
    "\n" MILDER("", "\n") "non_smtpd_milters=\nin_flow_delay=0\nqueue_minfree=0\nmaillog_file=\n"
                          "message_size_limit=" SIZE_LIMIT
                          "\nmailbox_size_limit=0\nvirtual_mailbox_limit=0\n"
                          "smtp_tls_security_level=none\nmeta_directory=" META "\n";

/* Folders of a queue, as `postfix set-permissions` would make them. */
static const struct {
    const char *name;
    mode_t mode;
    bool is_root;
    bool is_setgid_group;
} queue_folders[] = {
    {"active", 0700, false, false},   {"bounce", 0700, false, false},
    {"corrupt", 0700, false, false},  {"defer", 0700, false, false},
    {"deferred", 0700, false, false}, {"flush", 0700, false, false},
    {"hold", 0700, false, false},     {"incoming", 0700, false, false},
    {"private", 0700, false, false},  {"saved", 0700, false, false},
    {"trace", 0700, false, false},    {"maildrop", 01730, false, true},
    {"public", 02710, false, true},   {"pid", 0755, true, false},
};

/* The C library reads these behind a chroot. */
static const char *const chroot_files[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
                                           "/etc/services", "/etc/localtime"};

struct private
{
    char as[PATH_MAX];
    char queue[PATH_MAX];
    char data[PATH_MAX];
    char master[PATH_MAX];
    char environment[PATH_MAX + 16];
    struct played_service services[PLAYED_SERVICES_MAX];
    size_t service_count;
    const struct private_server_copy *copy;
    uid_t owner;
    gid_t group;
    gid_t setgid_group;
    const char *command[8];
    const char *variables[8];
};

static struct private private;

static bool fail(char error[INSTANCE_ERROR_SIZE], const char *what, const char *path)
{
    snprintf(error, INSTANCE_ERROR_SIZE, "%.80s %.300s: %.100s", what, path, strerror(errno));
    return false;
}

/* ---- in the instance --------------------------------------------------------------------- */

static int lay_queue(char error[INSTANCE_ERROR_SIZE])
{
    char path[2 * PATH_MAX];

    if (mounts_empty(private.queue, "128m", 0755, error) != 0 ||
        mounts_empty(private.data, "16m", 0700, error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(queue_folders) / sizeof(queue_folders[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", private.queue, queue_folders[i].name);
        if (mkdir(path, 0700) != 0 ||
            chown(path, queue_folders[i].is_root ? 0 : private.owner,
                  queue_folders[i].is_setgid_group ? private.setgid_group : private.group) != 0 ||
            chmod(path, queue_folders[i].mode) != 0) {
            (void)fail(error, "the private queue cannot have", path);
            return -1;
        }
    }
    if (chown(private.data, private.owner, private.group) != 0) {
        (void)fail(error, "the private data folder cannot have its owner:", private.data);
        return -1;
    }
    return 0;
}

static void lay_chroot(void)
{
    char path[2 * PATH_MAX];

    snprintf(path, sizeof(path), "%s/etc", private.queue);
    (void)mkdir(path, 0755);
    for (size_t i = 0; i < sizeof(chroot_files) / sizeof(chroot_files[0]); i++) {
        FILE *from = fopen(chroot_files[i], "re");
        char text[65536];
        size_t length = from != NULL ? fread(text, 1, sizeof(text), from) : 0;
        snprintf(path, sizeof(path), "%s%s", private.queue, chroot_files[i]);
        if (from != NULL) {
            (void)mounts_write(path, text, length, 0644);
            fclose(from);
        }
    }
}

static int lay(void *user, char error[INSTANCE_ERROR_SIZE])
{
    const struct private *its = user;
    const struct private_server_copy *copy = its->copy;

    (void)mounts_make_folder(private.as, 0755); /* where that is private */
    if (mounts_bind(copy->folder, private.as, error) != 0 || lay_queue(error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < copy->overlay_count; i++) {
        if (mounts_bind(copy->overlays[i].copy, copy->overlays[i].path, error) != 0) {
            return -1;
        }
    }
    lay_chroot();
    return 0;
}

/* ---- the copy ---------------------------------------------------------------------------- */

/* Postfix reads a file again and again that is younger than 2 s. */
static void set_back(const char *path)
{
    struct timeval times[2];

    gettimeofday(&times[0], NULL);
    times[0].tv_sec -= 60;
    times[1] = times[0];
    (void)utimes(path, times);
}

static bool append_main(const struct private_server_copy *copy, const char *more,
                        char error[INSTANCE_ERROR_SIZE])
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/main.cf", copy->folder);
    FILE *file = fopen(path, "ae");
    bool good = file != NULL && fputs(main_end, file) >= 0 && fputs(more, file) >= 0;
    if (file != NULL && fclose(file) != 0) {
        good = false;
    }
    set_back(path);
    return good || fail(error, "the copy cannot be written:", path);
}

/* The candidate, which may be a stranger's, chooses the program of a service, and not where it is:
 * master runs it as root. */
static bool is_elsewhere(const struct service_line *line)
{
    return memchr(line->begin[SERVICE_PROGRAM], '/', (size_t)line->length[SERVICE_PROGRAM]) != NULL;
}

/* The smtpd that postscreen hands its clients to: what it is told counts for them. */
static bool find_pass(const char *text, const char *name, struct service_line *out)
{
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        if (service_line_split(at, length, out) && service_line_is(out, SERVICE_TYPE, "pass") &&
            service_line_is(out, SERVICE_PROGRAM, "smtpd") &&
            service_line_is(out, SERVICE_NAME, name)) {
            return true;
        }
        at += length + (at[length] == '\n');
    }
    return false;
}

static const struct candidate_listener *postscreen_of(const struct candidate *candidate,
                                                      const struct service_line *line)
{
    size_t count = 0;
    const struct candidate_listener *listeners = candidate_listeners(candidate, &count);

    for (size_t i = 0; i < count; i++) {
        if (listeners[i].postscreen && service_line_is(line, SERVICE_NAME, listeners[i].service)) {
            return &listeners[i];
        }
    }
    return NULL;
}

/* Puts the smtpd to which postscreen hands its clients in its place; NULL: there is none. What
 * postscreen was told of a PROXY header, in main.cf or here, is that smtpd's: to be freed. */
static char *put_in_place(const struct candidate *candidate, const struct service_line *line,
                          const char *services, struct service_line *used)
{
    const struct candidate_listener *listener = postscreen_of(candidate, line);
    struct service_line pass;
    char *protocol = NULL;

    if (listener == NULL) {
        return NULL;
    }
    char *name = candidate_value(candidate, listener, "smtpd_service_name");
    if (name != NULL && find_pass(services, name, &pass)) {
        *used = pass;
        memcpy(used->begin, line->begin, 3 * sizeof(line->begin[0]));
        memcpy(used->length, line->length, 3 * sizeof(line->length[0]));
        protocol = candidate_value(candidate, listener, "postscreen_upstream_proxy_protocol");
    }
    free(name);
    return protocol;
}

static void write_service(FILE *out, const struct private_server_copy *copy,
                          const struct service_line *line, const char *services)
{
    struct service_line used = *line;
    char *protocol = service_line_is(line, SERVICE_PROGRAM, "postscreen")
                         ? put_in_place(copy->candidate, line, services, &used)
                         : NULL;

    bool speaks = service_line_is(&used, SERVICE_PROGRAM, "smtpd");
    for (size_t i = 0; i < SERVICE_COLUMNS; i++) {
        fprintf(out, "%.*s ", used.length[i], used.begin[i]);
    }
    if (copy->trace && service_line_is(&used, SERVICE_PROGRAM, "trivial-rewrite")) {
        fputs("-v ", out);
    }
    fprintf(out, "%.*s", used.rest_length, used.rest);
    if (speaks) {
        fputs(MILDER(" -o ", ""), out);
        fputs(copy->trace ? TRACED : "", out);
    }
    if (protocol != NULL && protocol[0] != '\0') {
        fprintf(out, " -o smtpd_upstream_proxy_protocol=%s", protocol);
    }
    free(protocol);
    fputc('\n', out);
}

/* postconf says the services one a line, whatever the file's layout is. */
static enum instance_fault write_master(const struct private_server_copy *copy,
                                        char error[INSTANCE_ERROR_SIZE])
{
    const char *const words[] = {"postconf", "-c", copy->folder, "-M", NULL};
    char path[PATH_MAX];
    char *services = subprocess_output_until(words, subprocess_now_ms() + ASK_MS);

    snprintf(path, sizeof(path), "%s/master.cf", copy->folder);
    if (services == NULL) {
        snprintf(error, INSTANCE_ERROR_SIZE, "postconf cannot read master.cf");
        return INSTANCE_FAULT_OF_GUEST;
    }
    FILE *file = fopen(path, "we");
    bool elsewhere = false;
    for (const char *at = services; file != NULL && *at != '\0';) {
        struct service_line line;
        size_t length = strcspn(at, "\n");
        if (service_line_split(at, length, &line)) {
            write_service(file, copy, &line, services);
            elsewhere = elsewhere || is_elsewhere(&line);
        } else {
            fprintf(file, "%.*s\n", (int)length, at);
        }
        at += length + (at[length] == '\n');
    }
    free(services);
    if (file == NULL || fclose(file) != 0) {
        (void)fail(error, "the copy cannot be written:", path);
        return INSTANCE_FAULT_OF_HOST;
    }
    set_back(path);
    if (elsewhere) {
        snprintf(error, INSTANCE_ERROR_SIZE,
                 "a service of master.cf names a program with a path; its folder is "
                 "daemon_directory: write the name alone");
        return INSTANCE_FAULT_OF_GUEST;
    }
    return INSTANCE_NO_FAULT;
}

/* Those of the whole candidate: what is taken out of it asks nobody else. */
static void find_services(const struct private_server_copy *copy)
{
    static const struct candidate *found_for;
    static bool found_ok;

    if (found_for == copy->candidate && found_ok == copy->policy_ok) {
        return;
    }
    const struct private_services_of of = {.candidate = copy->candidate,
                                           .folder = copy->folder,
                                           .queue = private.queue,
                                           .policy_ok = copy->policy_ok};
    private.service_count = private_services_find(&of, private.services);
    found_for = copy->candidate;
    found_ok = copy->policy_ok;
}

/* ---- the row ------------------------------------------------------------------------------ */

static bool take_path(const struct candidate *candidate, const char *name, char out[PATH_MAX],
                      char error[INSTANCE_ERROR_SIZE])
{
    char *value = candidate_value(candidate, NULL, name);
    bool good = value != NULL && value[0] == '/' && strlen(value) < PATH_MAX / 2;

    if (good) {
        snprintf(out, PATH_MAX, "%s", value);
    }
    if (!good) {
        snprintf(error, INSTANCE_ERROR_SIZE, "%s is no path of a folder: \"%.64s\"", name,
                 value != NULL ? value : "");
    }
    free(value);
    return good;
}

/* Whether programs and libraries come from a folder of the machine's and not of the candidate's,
 * which may be a stranger's: they run as root. */
static bool has_own_programs(const struct candidate *candidate, char error[INSTANCE_ERROR_SIZE])
{
    static const char *const names[] = {"daemon_directory", "command_directory", "shlib_directory"};
    const char *as = candidate_as(candidate);
    size_t length = strlen(as);
    char real[PATH_MAX];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *value = candidate_value(candidate, NULL, names[i]);
        bool named = value != NULL && value[0] == '/';
        bool inside = named && realpath(value, real) != NULL && strncmp(real, as, length) == 0 &&
                      (real[length] == '/' || real[length] == '\0');
        free(value);
        if (inside) {
            snprintf(error, INSTANCE_ERROR_SIZE,
                     "%s lies in the configuration itself: programs are the machine's", names[i]);
            return false;
        }
    }
    return true;
}

static void copy_meta(const char *from, const char *name)
{
    char source[2 * PATH_MAX];
    char target[PATH_MAX];
    char text[65536];

    snprintf(source, sizeof(source), "%.4000s/%.200s", from, name);
    snprintf(target, sizeof(target), META "/%.200s", name);
    FILE *file = fopen(source, "re");
    size_t length = file != NULL ? fread(text, 1, sizeof(text), file) : 0;
    if (file != NULL) {
        (void)mounts_write(target, text, length, 0644);
        fclose(file);
    }
}

/* Which types of tables there are is the machine's, too: Debian has that list in /etc/postfix, and
 * a repository mostly lacks it. A candidate's own could name any library. */
static void copy_types(void)
{
    const char *const words[] = {"postconf", "-d", "-h", "meta_directory", NULL};
    char folder[PATH_MAX];
    char name[512];

    if (access(META, F_OK) == 0 || mounts_make_folder(META "/dynamicmaps.cf.d", 0755) != 0) {
        return;
    }
    char *from = subprocess_output_until(words, subprocess_now_ms() + ASK_MS);
    if (from == NULL) {
        return;
    }
    from[strcspn(from, "\n")] = '\0';
    copy_meta(from, "dynamicmaps.cf");
    snprintf(folder, sizeof(folder), "%.4000s/dynamicmaps.cf.d", from);
    DIR *more = opendir(folder);
    const struct dirent *entry = NULL;
    while (more != NULL && (entry = readdir(more)) != NULL) {
        snprintf(name, sizeof(name), "dynamicmaps.cf.d/%.255s", entry->d_name);
        if (entry->d_name[0] != '.') {
            copy_meta(from, name);
        }
    }
    if (more != NULL) {
        closedir(more);
    }
    free(from);
}

static bool find_owner(const struct candidate *candidate, char error[INSTANCE_ERROR_SIZE])
{
    char *owner = candidate_value(candidate, NULL, "mail_owner");
    char *group = candidate_value(candidate, NULL, "setgid_group");
    const struct passwd *user = owner != NULL ? getpwnam(owner) : NULL;
    const struct group *its = group != NULL ? getgrnam(group) : NULL;

    if (user == NULL || its == NULL) {
        snprintf(error, INSTANCE_ERROR_SIZE, "%s \"%.64s\" does not exist here: install Postfix",
                 user == NULL ? "mail_owner" : "setgid_group",
                 user == NULL ? (owner != NULL ? owner : "") : (group != NULL ? group : ""));
    } else {
        private.owner = user->pw_uid;
        private.group = user->pw_gid;
        private.setgid_group = its->gr_gid;
    }
    free(owner);
    free(group);
    return user != NULL && its != NULL;
}

static bool take_paths(const struct candidate *candidate, char error[INSTANCE_ERROR_SIZE])
{
    if (!has_own_programs(candidate, error) ||
        !take_path(candidate, "daemon_directory", private.master, error) ||
        !take_path(candidate, "queue_directory", private.queue, error) ||
        !take_path(candidate, "data_directory", private.data, error)) {
        return false;
    }
    strncat(private.master, "/master", sizeof(private.master) - strlen(private.master) - 1);
    return true;
}

static enum instance_fault prepare(const struct private_server_copy *copy,
                                   struct instance_settings *out, char error[INSTANCE_ERROR_SIZE])
{
    char more[3 * PATH_MAX] = "";

    snprintf(private.as, sizeof(private.as), "%s", candidate_as(copy->candidate));
    if (!find_owner(copy->candidate, error)) {
        return INSTANCE_FAULT_OF_HOST;
    }
    if (!take_paths(copy->candidate, error)) {
        return INSTANCE_FAULT_OF_GUEST;
    }
    if (access(private.master, X_OK) != 0) {
        snprintf(error, INSTANCE_ERROR_SIZE,
                 "daemon_directory has no program here, %.300s: rehearse on the host that has it, "
                 "or a copy without that line",
                 private.master);
        return INSTANCE_FAULT_OF_HOST;
    }
    copy_types();
    /* Where the file systems are read-only no folder can be made for it. */
    if (mounts_make_folder(private.queue, 0755) != 0) {
        snprintf(private.queue, sizeof(private.queue), "%s", SPARE_QUEUE);
        snprintf(more, sizeof(more), "queue_directory=%s\n", SPARE_QUEUE);
        (void)mounts_make_folder(SPARE_QUEUE, 0755);
    }
    if (mounts_make_folder(private.data, 0755) != 0) {
        snprintf(private.data, sizeof(private.data), "%s", SPARE_DATA);
        snprintf(more + strlen(more), sizeof(more) - strlen(more), "data_directory=%s\n",
                 SPARE_DATA);
        (void)mounts_make_folder(SPARE_DATA, 0755);
    }
    if (access(CERTIFICATE, F_OK) != 0 && !self_signed_certificate(CERTIFICATE)) {
        (void)fail(error, "a certificate for the rehearsal cannot be made:", CERTIFICATE);
        return INSTANCE_FAULT_OF_HOST;
    }
    if (!append_main(copy, more, error)) {
        return INSTANCE_FAULT_OF_HOST;
    }
    enum instance_fault fault = write_master(copy, error);
    if (fault != INSTANCE_NO_FAULT) {
        return fault;
    }
    find_services(copy);
    snprintf(private.environment, sizeof(private.environment), "MAIL_CONFIG=%s", private.as);
    const char *const command[] = {private.master, "-c", private.as, "-w", NULL};
    const char *const variables[] = {private.environment, "PATH=" STAGE_PATH, "LANG=C", NULL};
    memcpy(private.command, command, sizeof(command));
    memcpy(private.variables, variables, sizeof(variables));
    private.copy = copy;
    *out = (struct instance_settings){.lay = lay,
                                      .user = &private,
                                      .services = private.services,
                                      .service_count = private.service_count,
                                      .command = private.command,
                                      .environment = private.variables};
    return INSTANCE_NO_FAULT;
}

/* "postfix/smtpd[12]: fatal: in parameter smtpd_relay_restrictions ..." */
static const char *find_fatal(const char *line)
{
    static const char *const words[] = {": fatal: ", ": panic: "};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *found = strstr(line, words[i]);
        if (found != NULL && strncmp(line, "postfix", 7) == 0 && found < line + 64) {
            return found + strlen(words[i]);
        }
    }
    return NULL;
}

static const char *find_complaint(const char *line)
{
    static const char *const words[] = {": warning: ", ": error: "};
    /* Of what we appended ourselves, and of what is so on any stage. */
    static const char *const usual[] = {"overriding earlier entry", "unused parameter",
                                        "does not resolve to address"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *found = strstr(line, words[i]);
        bool known = found == NULL;
        for (size_t j = 0; !known && j < sizeof(usual) / sizeof(usual[0]); j++) {
            known = strstr(found, usual[j]) != NULL;
        }
        if (!known) {
            return found + strlen(words[i]);
        }
    }
    return NULL;
}

static const char *const directories[] = {"/etc/postfix", "/usr/local/etc/postfix", NULL};
static const char *const marks[] = {"main.cf", "master.cf", NULL};

const struct private_server private_postfix = {
    .name = "postfix",
    .reader = &candidate_postfix,
    .directories = directories,
    .marks = marks,
    .prepare = prepare,
    .fatal = find_fatal,
    .complaint = find_complaint,
};
