#include "probe/cli/rehearse_mta.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/cli/options.h"

/* In the order of enum rehearsed_mta, behind the first. */
static const struct private_server *const servers[] = {&private_postfix, &private_exim,
                                                       &private_sendmail};
#define SERVER_COUNT (sizeof(servers) / sizeof(servers[0]))

const char *rehearse_mta_place(const struct private_server *server)
{
    for (size_t i = 0; server->directories[i] != NULL; i++) {
        if (access(server->directories[i], F_OK) == 0) {
            return server->directories[i];
        }
    }
    return server->directories[0];
}

/* Whether one of these files is there. */
static bool has_one(const char *directory, const char *const *names)
{
    char path[PATH_MAX];

    for (size_t i = 0; names[i] != NULL; i++) {
        if (snprintf(path, sizeof(path), "%s/%s", directory, names[i]) < (int)sizeof(path) &&
            access(path, F_OK) == 0) {
            return true;
        }
    }
    return false;
}

const struct private_server *rehearse_mta_find(unsigned int named, const char *directory,
                                               char error[STAGE_ERROR_SIZE])
{
    const struct private_server *found = NULL;

    error[0] = '\0';
    if (named != REHEARSED_AUTO) {
        return servers[named - 1];
    }
    for (size_t i = 0; i < SERVER_COUNT; i++) {
        if (!has_one(directory != NULL ? directory : rehearse_mta_place(servers[i]),
                     servers[i]->marks)) {
            continue;
        }
        if (found != NULL) {
            snprintf(error, STAGE_ERROR_SIZE,
                     "%.300s has a configuration of %s and one of %s: say which with --mta",
                     directory != NULL ? directory : "this host", found->name, servers[i]->name);
            return NULL;
        }
        found = servers[i];
    }
    if (found == NULL && directory != NULL && access(directory, F_OK) == 0) {
        snprintf(error, STAGE_ERROR_SIZE,
                 "%.300s has no file by which to tell whose configuration it is: say it with --mta",
                 directory);
    }
    /* A folder that is not there is told as that. */
    return found != NULL || error[0] != '\0' ? found : servers[0];
}
