#include "probe/rehearse/mta_tool.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/printable.h"
#include "probe/rehearse/stage/stage.h"

/* Of no meaning for a rehearsal. */
static const char *const usual[] = {"purging the environment", "use keep_environment",
                                    "cannot open /etc/mailname", "*** WARNING", "Warning: "};

const char *mta_tool_find(const char *const *programs)
{
    for (size_t i = 0; programs[i] != NULL; i++) {
        if (access(programs[i], X_OK) == 0) {
            return programs[i];
        }
    }
    return NULL;
}

int mta_tool_lay(const struct mta_tool *tool, char error[MOUNTS_ERROR_SIZE])
{
    (void)mounts_make_folder(tool->as, 0755); /* where that is private */
    if (mounts_bind(tool->folder, tool->as, error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < tool->overlay_count; i++) {
        if (mounts_bind(tool->overlays[i].copy, tool->overlays[i].path, error) != 0) {
            return -1;
        }
    }
    return 0;
}

static int lay(void *user, char error[INSTANCE_ERROR_SIZE])
{
    return mta_tool_lay(user, error);
}

char *mta_tool_read(const char *path, size_t *length)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat about;
    char *text = NULL;
    size_t used = 0;
    ssize_t got = 0;

    if (file < 0) {
        return NULL;
    }
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) &&
        about.st_size <= (off_t)CANDIDATE_FILE_MAX) {
        text = malloc((size_t)about.st_size + 1);
    }
    while (text != NULL && used < (size_t)about.st_size &&
           (got = read(file, text + used, (size_t)about.st_size - used)) > 0) {
        used += (size_t)got;
    }
    close(file);
    if (text != NULL) {
        text[used] = '\0';
        *length = used;
    }
    return text;
}

/* A text that was edited elsewhere ends its lines with CR LF; what is told has none. */
static void drop_returns(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '\r') {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* "2026-11-30 11:51:36 " */
static const char *skip_date(const char *line)
{
    static const char shape[] = "0000-00-00 00:00:00 ";
    size_t i = 0;

    while (shape[i] != '\0' &&
           (shape[i] == '0' ? line[i] >= '0' && line[i] <= '9' : line[i] == shape[i])) {
        i++;
    }
    return shape[i] == '\0' ? line + i : line;
}

static bool is_usual(const char *line)
{
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (strstr(line, usual[i]) != NULL) {
            return true;
        }
    }
    return false;
}

bool mta_tool_first_words(char *out, size_t size)
{
    size_t length = 0;
    char *text = mta_tool_read(MTA_TOOL_ERRORS, &length);
    char message[1024] = "";

    if (text != NULL) {
        drop_returns(text);
    }
    bool passed = true; /* what goes on is of a line that was passed over */
    for (char *at = text; at != NULL && *at != '\0';) {
        char *end = at + strcspn(at, "\n");
        char *next = *end == '\n' ? end + 1 : end;
        *end = '\0';
        const char *line = skip_date(at);
        bool goes_on = line[0] == ' ' || line[0] == '\t';
        if (message[0] != '\0' && !goes_on) {
            break;
        }
        passed = goes_on ? passed : line[0] == '\0' || is_usual(line);
        if (!passed) {
            line += strspn(line, " \t");
            size_t used = strlen(message);
            snprintf(message + used, sizeof(message) - used, "%s%s", used > 0 ? " " : "", line);
        }
        at = next;
    }
    free(text);
    if (message[0] != '\0') {
        printable_string(out, size, message);
    }
    return message[0] != '\0';
}

enum instance_fault mta_tool_run(const struct mta_tool *tool, const char *script,
                                 const char *const words[3], char error[CANDIDATE_WHY_SIZE])
{
    static const char *const environment[] = {"PATH=" STAGE_PATH, NULL};
    const char *command[8] = {"/bin/sh", "-c", script, "sh", words[0], words[1], words[2]};
    struct instance instance = {0};
    struct mta_tool copy = *tool;

    const struct instance_settings settings = {.lay = lay,
                                               .user = &copy,
                                               .command = command,
                                               .environment = environment,
                                               .errors = MTA_TOOL_ERRORS};
    (void)unlink(MTA_TOOL_ERRORS);
    enum instance_fault fault = instance_start(&settings, &instance, error);
    instance_stop(&instance);
    if (fault == INSTANCE_FAULT_OF_GUEST) {
        (void)mta_tool_first_words(error, CANDIDATE_WHY_SIZE);
    }
    return fault;
}
