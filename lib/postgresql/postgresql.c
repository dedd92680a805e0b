#include "lib/postgresql/postgresql.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/printable.h"

#ifndef RELAYWARDEN_MODULES /* the Makefile's, from PREFIX */
#define RELAYWARDEN_MODULES "/usr/local/lib/relaywarden"
#endif

struct postgresql {
    const struct postgresql_module *module;
    void *link;
};

/* Loaded once, and never unloaded: libpq and what it brings have state of their own. */
static pthread_mutex_t module_mutex = PTHREAD_MUTEX_INITIALIZER;
static const struct postgresql_module *module_loaded;

/* Its code runs with this program's rights: so nobody else may be able to change it. */
static bool is_safe(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && (status.st_uid == 0 || status.st_uid == geteuid()) &&
           (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* NULL: there is none; or `trouble` says why it was not loaded. */
static void *load_beside_program(struct postgresql_trouble *trouble)
{
    char path[PATH_MAX + sizeof(POSTGRESQL_MODULE_FILE) + 1];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (length <= 0) {
        return NULL;
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return NULL;
    }
    slash[1] = '\0';
    const bool folder_is_safe = is_safe(path);
    memcpy(slash + 1, POSTGRESQL_MODULE_FILE, sizeof(POSTGRESQL_MODULE_FILE));
    if (access(path, F_OK) != 0) {
        return NULL;
    }
    if (!folder_is_safe || !is_safe(path)) {
        char shown[400];

        printable_string(shown, sizeof(shown), path);
        snprintf(trouble->why, sizeof(trouble->why),
                 "database: the module %s is not loaded, since others may change it; it and its "
                 "directory have to belong to root or to this program's user, and must not be "
                 "writable by group or others",
                 shown);
        return NULL;
    }
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* The mutex is held. */
static const struct postgresql_module *load(struct postgresql_trouble *trouble)
{
    const char *const path = RELAYWARDEN_MODULES "/" POSTGRESQL_MODULE_FILE;
    void *object = NULL;

    trouble->why[0] = '\0';
    object = load_beside_program(trouble);
    if (trouble->why[0] != '\0') {
        return NULL;
    }
    if (object == NULL) {
        object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (object == NULL) {
        char reason[256];
        const char *said = dlerror();

        printable_string(reason, sizeof(reason), said != NULL ? said : "no reason is known");
        snprintf(trouble->why, sizeof(trouble->why),
                 "database: the module for PostgreSQL cannot be loaded (%s); install the package "
                 "relaywarden-postgresql, or build with libpq-dev",
                 reason);
        return NULL;
    }
    const struct postgresql_module *found = dlsym(object, POSTGRESQL_MODULE_SYMBOL);
    if (found == NULL || strcmp(found->version, RELAYWARDEN_VERSION) != 0) {
        snprintf(trouble->why, sizeof(trouble->why),
                 "database: the module for PostgreSQL is of version %.40s, this program of "
                 "%s; install the package relaywarden-postgresql of this version",
                 found != NULL ? found->version : "(unknown)", RELAYWARDEN_VERSION);
        return NULL;
    }
    return found;
}

struct postgresql *postgresql_open(const char *place, int wait_ms,
                                   struct postgresql_trouble *trouble)
{
    struct postgresql *server = calloc(1, sizeof(*server));

    *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_MEMORY, .why = "out of memory"};
    if (server == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&module_mutex);
    if (module_loaded == NULL) {
        trouble->fault = POSTGRESQL_MODULE;
        module_loaded = load(trouble);
    }
    server->module = module_loaded;
    pthread_mutex_unlock(&module_mutex);
    if (server->module != NULL) {
        server->link = server->module->open(place, wait_ms, trouble);
    }
    if (server->link == NULL) {
        free(server);
        return NULL;
    }
    *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_FINE};
    return server;
}

void postgresql_close(struct postgresql *server)
{
    if (server != NULL) {
        server->module->close(server->link);
        free(server);
    }
}

bool postgresql_ask(struct postgresql *server, const struct postgresql_question *question,
                    postgresql_row read, void *user, struct postgresql_trouble *trouble)
{
    *trouble = (struct postgresql_trouble){.fault = POSTGRESQL_FINE};
    return server->module->ask(server->link, question, read, user, trouble);
}

bool postgresql_may_pass(enum postgresql_fault fault)
{
    return fault == POSTGRESQL_ABSENT || fault == POSTGRESQL_CONFLICT || fault == POSTGRESQL_MEMORY;
}
