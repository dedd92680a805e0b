/* The files that a candidate names: where they are read, whether they may be, and their texts. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/rehearse/answers.h"
#include "probe/rehearse/candidate.h"
#include "probe/rehearse/candidate_private.h"

/* `path` relative to `folder`, or NULL if it is not within it. */
static const char *within(const char *path, const char *folder)
{
    size_t length = strlen(folder);

    if (strncmp(path, folder, length) != 0 || path[length] != '/') {
        return NULL;
    }
    path += length;
    return path + strspn(path, "/");
}

const char *candidate_source(const struct candidate *candidate, const char *path, char *out,
                             size_t size)
{
    const char *inside = within(path, candidate->as);

    if (inside != NULL) {
        snprintf(out, size, "%s/%s", candidate->directory, inside);
    } else if (path[0] != '/') {
        snprintf(out, size, "%s/%s", candidate->directory, path);
    } else {
        snprintf(out, size, "%s", path);
    }
    return out;
}

bool candidate_may_read(const struct candidate *candidate, int descriptor)
{
    char link[64];
    char real[PATH_MAX];
    struct stat about;

    if (candidate->is_live) {
        return true;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, real, sizeof(real) - 1);
    if (length > 0) {
        real[length] = '\0';
        if (within(real, candidate->directory) != NULL) {
            return true;
        }
    }
    return fstat(descriptor, &about) == 0 && (about.st_mode & S_IROTH) != 0;
}

/* A regular file's text, with a NUL behind it. O_NONBLOCK: a FIFO must not hang the reader. */
static char *read_text(const struct candidate *candidate, const char *path, size_t *length)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    char *text = NULL;
    size_t used = 0;
    ssize_t got = 0;

    if (descriptor < 0) {
        return NULL;
    }
    if (fstat(descriptor, &about) != 0) {
        goto out;
    }
    if (!S_ISREG(about.st_mode) || about.st_size > (off_t)CANDIDATE_FILE_MAX) {
        errno = S_ISREG(about.st_mode) ? EFBIG : EINVAL;
        goto out;
    }
    if (!candidate_may_read(candidate, descriptor)) {
        errno = EACCES;
        goto out;
    }
    size_t size = (size_t)about.st_size;
    text = malloc(size + 1);
    while (text != NULL && used < size && (got = read(descriptor, text + used, size - used)) > 0) {
        used += (size_t)got;
    }
    if (text != NULL && got < 0) {
        free(text);
        text = NULL;
    }
    if (text != NULL) {
        text[used] = '\0';
        *length = used;
    }
out:
    close(descriptor);
    return text;
}

/* Puts the answers' tables in place of those that cannot be asked. */
static bool put_answers(const struct candidate *candidate, const char *inside, char **text,
                        size_t *length)
{
    bool names_tables =
        inside != NULL && (strcmp(inside, "main.cf") == 0 || strcmp(inside, "master.cf") == 0);
    char *put = candidate->answers != NULL && names_tables && *text != NULL
                    ? answers_put(candidate->answers, *text, length)
                    : NULL;

    if (put != NULL) {
        free(*text);
        *text = put;
    }
    return put != NULL;
}

size_t candidate_add_file(struct candidate *candidate, const char *path)
{
    char source[PATH_MAX];
    char shown[PATH_MAX];
    size_t length = 0;
    const char *inside = path[0] == '/' ? within(path, candidate->as) : path;

    if (inside != NULL) {
        snprintf(shown, sizeof(shown), "%s/%s", candidate->as, inside);
    } else {
        snprintf(shown, sizeof(shown), "%s", path);
    }
    for (size_t i = 0; i < candidate->files.count; i++) {
        if (strcmp(candidate_file(candidate, i)->path, shown) == 0) {
            return i;
        }
    }
    char *text =
        read_text(candidate, candidate_source(candidate, shown, source, sizeof(source)), &length);
    bool changed = put_answers(candidate, inside, &text, &length);
    struct candidate_file *file = candidate_own(candidate, text)
                                      ? candidate_array_add(&candidate->files, sizeof(*file))
                                      : NULL;
    if (file == NULL) {
        return CANDIDATE_NO_FILE;
    }
    file->path = candidate_keep(candidate, shown);
    file->shown =
        candidate->answers != NULL ? answers_file(candidate->answers, file->path) : file->path;
    file->changed = changed;
    file->source = candidate_keep(candidate, source);
    file->inside = inside == NULL ? NULL : file->path + strlen(file->path) - strlen(inside);
    file->text = text;
    file->length = length;
    return candidate->files.count - 1;
}
