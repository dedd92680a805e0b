#include "conf/key.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/access.h"

static_assert(TOKEN_KEY_MIN == 32 && TOKEN_KEY_MAX == 4096, "as the message says");

/* Root, who runs this, and whom the milter will run as, where a configuration says so. */
static bool may_own(const struct conf_draft *draft, uid_t owner)
{
    const char *user = draft != NULL ? draft->conf->milter.user : NULL;
    const struct passwd *entry = user != NULL && user[0] != '\0' ? getpwnam(user) : NULL;

    return owner == 0 || owner == geteuid() || (entry != NULL && owner == entry->pw_uid);
}

static const char *fault_of(const struct conf_draft *draft, const struct stat *status)
{
    if (!S_ISREG(status->st_mode)) {
        return "is no regular file";
    }
    if (!may_own(draft, status->st_uid)) {
        return "is owned by somebody else; chown it to root or to the program's user";
    }
    if ((status->st_mode & S_IWGRP) != 0) {
        return "is writable by its group; chmod 0640 it";
    }
    if ((status->st_mode & S_IRWXO) != 0) {
        return "is open to others; chmod 0640 it";
    }
    if (status->st_size < TOKEN_KEY_MIN || status->st_size > TOKEN_KEY_MAX) {
        return "has the wrong size; a key has 32 to 4096 octets (relaywarden-probe keygen FILE "
               "makes one)";
    }
    return NULL;
}

/* The advice for a file that does not exist. */
static const char no_key[] = "; relaywarden-probe keygen FILE makes a key, for one host of a site: "
                             "the others get a copy of it";

/* As much as there is, at most `size`; -1 on failure. */
static ssize_t read_all(int file, uint8_t *out, size_t size)
{
    size_t used = 0;
    ssize_t count = 1;

    while (count > 0 && used < size) {
        count = read(file, out + used, size - used);
        if (count > 0) {
            used += (size_t)count;
        } else if (count < 0 && errno == EINTR) {
            count = 1;
        }
    }
    return count < 0 ? -1 : (ssize_t)used;
}

/* NULL, or what is wrong: another time may do. */
static const char *read_key(int file, struct token_key *out, struct conf_messages *messages)
{
    uint8_t octets[TOKEN_KEY_MAX + 1];
    ssize_t length = read_all(file, octets, sizeof(octets));
    const char *fault = NULL;

    if (length < 0) {
        fault = "cannot be read";
        conf_note_failure(messages, errno);
    } else if (!token_key_derive(octets, (size_t)length, out)) {
        fault = "changed its size while it was read, or there was no memory";
        conf_note_failure(messages, ENOMEM);
    }
    token_wipe(octets, sizeof(octets));
    return fault;
}

/* NULL when there is none, or a mistake was reported. */
static struct token_key *load(const struct conf_draft *draft, const char *option, const char *path)
{
    const struct conf_setting *setting = conf_tree_find(&draft->tree, SECTION_ROOT, option);
    int line = setting != NULL ? setting->line : 0;
    const char *fault = NULL;
    char denied[CONF_ACCESS_SIZE];
    char shown[CONF_SHOW_SIZE];
    struct stat status;

    if (path == NULL || path[0] == '\0') {
        return NULL;
    }
    conf_show(shown, path);
    struct token_key *key = calloc(1, sizeof(*key));
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error = errno;
    if (key == NULL) {
        draft->messages->out_of_memory = true;
        fault = "cannot be read: out of memory";
    } else if (file < 0 || fstat(file, &status) < 0) {
        /* Which of a call's arguments is looked at first is the compiler's to choose. */
        int why = file < 0 ? error : errno;
        conf_access_denied(denied, why);
        conf_note_failure(draft->messages, why);
        conf_mistake(draft->messages, line, "%s: %s cannot be read: %s%s", option, shown, denied,
                     why == ENOENT ? no_key : "");
    } else {
        fault = fault_of(draft, &status);
        if (fault == NULL) {
            fault = read_key(file, key, draft->messages);
        }
    }
    if (fault != NULL) {
        conf_mistake(draft->messages, line, "%s: %s %s", option, shown, fault);
    }
    if (file >= 0) {
        close(file);
    }
    return key;
}

bool conf_read_key(const char *path, struct token_key *out, char fault[CONF_KEY_FAULT_SIZE])
{
    char denied[CONF_ACCESS_SIZE];
    char shown[CONF_SHOW_SIZE];
    struct conf_messages unused = {0};
    struct stat status;
    const char *why;

    conf_show(shown, path);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error = errno;
    if (file < 0 || fstat(file, &status) < 0) {
        snprintf(fault, CONF_KEY_FAULT_SIZE, "%.300s cannot be read: %s", shown,
                 conf_access_denied(denied, file < 0 ? error : errno));
    } else if ((why = fault_of(NULL, &status)) != NULL ||
               (why = read_key(file, out, &unused)) != NULL) {
        snprintf(fault, CONF_KEY_FAULT_SIZE, "%.300s %s", shown, why);
    } else {
        close(file);
        return true;
    }
    if (file >= 0) {
        close(file);
    }
    return false;
}

void conf_load_keys(const struct conf_draft *draft)
{
    struct conf *conf = draft->conf;

    conf->token_key = load(draft, "token_key_file", conf->token_key_file);
    conf->token_key_other = load(draft, "token_key_also", conf->token_key_also);
}

static void forget(struct token_key *key)
{
    if (key != NULL) {
        token_wipe(key, sizeof(*key));
    }
    free(key);
}

void conf_free_keys(struct conf *conf)
{
    forget(conf->token_key);
    forget(conf->token_key_other);
}
