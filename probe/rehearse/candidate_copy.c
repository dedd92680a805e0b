#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "probe/rehearse/candidate.h"
#include "probe/rehearse/candidate_mta.h"

#define DEPTH_MAX   16
#define OLD_SECONDS 60

/* One copy that is being written. */
struct copying {
    const struct candidate *candidate;
    const size_t *without;
    size_t count;
    const char *destination;
    char *why;
};

static bool copy_folder(const struct copying *copying, const char *inside, int depth);

static bool fails(const struct copying *copying, const char *what, const char *path)
{
    snprintf(copying->why, CANDIDATE_WHY_SIZE, "cannot %s %.400s: %s", what, path, strerror(errno));
    return false;
}

static const char *directory(const struct copying *copying)
{
    return candidate_directory(copying->candidate);
}

static bool join(char out[PATH_MAX], const char *folder, const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    return true;
}

static bool write_whole(int descriptor, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t put = write(descriptor, text, length);
        if (put <= 0) {
            return false;
        }
        text += put;
        length -= (size_t)put;
    }
    return true;
}

/* Postfix reads a file that is younger than 2 s again and again, 0.3 s apart: a postconf then takes
 * 1.8 s instead of 10 ms (measured). */
static bool make_old(int descriptor)
{
    const struct timespec old = {.tv_sec = time(NULL) - OLD_SECONDS};

    return futimens(descriptor, (const struct timespec[]){old, old}) == 0;
}

/* Text and maps may be gigabytes: the kernel copies. */
static bool copy_octets(int from, int to, off_t size)
{
    while (size > 0) {
        ssize_t sent = sendfile(to, from, NULL, (size_t)size);
        if (sent < 0) {
            return false;
        }
        if (sent == 0) {
            break; /* it became shorter meanwhile */
        }
        size -= sent;
    }
    return true;
}

/* The candidate's text without what is out, or with what answers put into it; NULL if nothing of
 * this file is. */
static char *edited(const struct copying *copying, const char *inside, size_t *length)
{
    size_t elements = 0;
    const struct rehearse_element *all = candidate_elements(copying->candidate, &elements);

    for (size_t i = 0; i < copying->count; i++) {
        const struct rehearse_element *element = &all[copying->without[i]];
        const struct candidate_file *file = candidate_file(copying->candidate, element->file);
        if (file->inside != NULL && strcmp(file->inside, inside) == 0) {
            return rehearse_elements_cut(all, copying->without, copying->count, file->text,
                                         file->length, element->file, length);
        }
    }
    const struct candidate_file *file = NULL;
    for (size_t i = 0; (file = candidate_file(copying->candidate, i)) != NULL; i++) {
        if (file->changed && strcmp(file->inside, inside) == 0) {
            *length = file->length;
            return strdup(file->text);
        }
    }
    return NULL;
}

static bool copy_file(const struct copying *copying, const char *inside)
{
    char source[PATH_MAX];
    char target[PATH_MAX];
    struct stat about;
    size_t length = 0;
    bool done = false;
    int to = -1;

    if (!join(source, directory(copying), inside) || !join(target, copying->destination, inside)) {
        return fails(copying, "copy", inside);
    }
    int from = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (from < 0 || fstat(from, &about) != 0) {
        goto out;
    }
    if (!S_ISREG(about.st_mode)) { /* another took its place */
        done = true;
        goto out;
    }
    to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        goto out;
    }
    char *text = edited(copying, inside, &length);
    done = text != NULL ? write_whole(to, text, length) : copy_octets(from, to, about.st_size);
    free(text);
    /* Postfix warns of files that others may write, as it would warn of the candidate's own. */
    done = done && fchmod(to, about.st_mode & 0777) == 0 && make_old(to);
out:
    if (!done) {
        fails(copying, "copy", source);
    }
    if (from >= 0) {
        close(from);
    }
    if (to >= 0) {
        close(to);
    }
    return done;
}

/* Postfix runs as root, and would read what the candidate's author may not. */
static bool leads_where_it_may(const struct copying *copying, const char *source)
{
    int target = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool may = target < 0 || candidate_may_read(copying->candidate, target);

    if (target >= 0) {
        close(target);
    }
    return may;
}

static bool copy_link(const struct copying *copying, const char *inside)
{
    char source[PATH_MAX];
    char target[PATH_MAX];
    char points[PATH_MAX];

    if (!join(source, directory(copying), inside) || !join(target, copying->destination, inside)) {
        return fails(copying, "copy", inside);
    }
    ssize_t length = readlink(source, points, sizeof(points) - 1);
    if (length < 0) {
        return fails(copying, "read the link", source);
    }
    points[length] = '\0';
    if (!leads_where_it_may(copying, source)) {
        return true;
    }
    size_t edited_length = 0;
    char *text = edited(copying, inside, &edited_length);
    if (text == NULL) {
        return symlink(points, target) == 0 || fails(copying, "make the link", target);
    }
    /* A line of what the link points to is taken out: the copy has a file in its place. */
    int to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool done = to >= 0 && write_whole(to, text, edited_length) && make_old(to);
    if (to >= 0) {
        close(to);
    }
    free(text);
    return done || fails(copying, "write", target);
}

static bool copy_entry(const struct copying *copying, const char *inside, int depth)
{
    char source[PATH_MAX];
    struct stat about;

    if (!join(source, directory(copying), inside)) {
        return fails(copying, "copy", inside);
    }
    if (lstat(source, &about) != 0) {
        return errno == ENOENT || fails(copying, "read", source);
    }
    if (S_ISDIR(about.st_mode)) {
        return copy_folder(copying, inside, depth + 1);
    }
    if (S_ISLNK(about.st_mode)) {
        return copy_link(copying, inside);
    }
    return !S_ISREG(about.st_mode) || copy_file(copying, inside);
}

static bool copy_entries(const struct copying *copying, DIR *folder, const char *inside, int depth)
{
    const struct dirent *entry = NULL;
    char name[PATH_MAX];

    while ((entry = readdir(folder)) != NULL) {
        /* A repository of git beside main.cf is none of the MTA's. */
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strcmp(entry->d_name, ".git") == 0) {
            continue;
        }
        if (inside[0] == '\0') {
            snprintf(name, sizeof(name), "%s", entry->d_name);
        } else if (!join(name, inside, entry->d_name)) {
            return fails(copying, "copy", inside);
        }
        if (!copy_entry(copying, name, depth)) {
            return false;
        }
    }
    return true;
}

static bool copy_folder(const struct copying *copying, const char *inside, int depth)
{
    char source[PATH_MAX];
    char target[PATH_MAX];
    struct stat about;

    if (depth > DEPTH_MAX) {
        snprintf(copying->why, CANDIDATE_WHY_SIZE, "%.400s is nested more than %d folders deep",
                 inside, DEPTH_MAX);
        return false;
    }
    if (!join(source, directory(copying), inside) || !join(target, copying->destination, inside)) {
        return fails(copying, "copy", inside);
    }
    if (mkdir(target, 0700) != 0 && errno != EEXIST) {
        return fails(copying, "make the folder", target);
    }
    DIR *folder = opendir(source);
    if (folder == NULL || fstat(dirfd(folder), &about) != 0) {
        fails(copying, "read the folder", source);
        if (folder != NULL) {
            closedir(folder);
        }
        return false;
    }
    bool done = copy_entries(copying, folder, inside, depth);
    closedir(folder);
    /* Daemons without privileges read in it. */
    if (done && chmod(target, (about.st_mode & 0777) | 0700) != 0) {
        return fails(copying, "set the mode of", target);
    }
    return done;
}

/* ---- files elsewhere ---- */

/* Writes the changed text of a file outside to .outside/N. */
static bool write_outside(const struct copying *copying, size_t file,
                          struct candidate_overlay *overlay, size_t number)
{
    size_t elements = 0;
    size_t length = 0;
    const struct rehearse_element *all = candidate_elements(copying->candidate, &elements);
    const struct candidate_file *text = candidate_file(copying->candidate, file);
    char folder[PATH_MAX];

    if (!join(folder, copying->destination, ".outside")) {
        return fails(copying, "copy", text->path);
    }
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
        return fails(copying, "make the folder", folder);
    }
    snprintf(overlay->path, sizeof(overlay->path), "%s", text->path);
    if (snprintf(overlay->copy, sizeof(overlay->copy), "%s/%zu", folder, number) >=
        (int)sizeof(overlay->copy)) {
        errno = ENAMETOOLONG;
        return fails(copying, "copy", text->path);
    }
    char *cut = rehearse_elements_cut(all, copying->without, copying->count, text->text,
                                      text->length, file, &length);
    int to = open(overlay->copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool done = cut != NULL && to >= 0 && write_whole(to, cut, length) && make_old(to);
    if (to >= 0) {
        close(to);
    }
    free(cut);
    return done || fails(copying, "write", overlay->copy);
}

static bool write_overlays(const struct copying *copying, struct candidate_overlay *overlays,
                           size_t room, size_t *used)
{
    size_t elements = 0;
    const struct rehearse_element *all = candidate_elements(copying->candidate, &elements);

    for (size_t i = 0; i < copying->count; i++) {
        size_t index = all[copying->without[i]].file;
        const struct candidate_file *file = candidate_file(copying->candidate, index);
        bool known = file->inside != NULL;
        for (size_t k = 0; !known && k < *used; k++) {
            known = strcmp(overlays[k].path, file->path) == 0;
        }
        if (known) {
            continue;
        }
        if (*used == room) {
            snprintf(copying->why, CANDIDATE_WHY_SIZE,
                     "more than %zu files outside of the folder have to change", room);
            return false;
        }
        if (!write_outside(copying, index, &overlays[*used], *used)) {
            return false;
        }
        (*used)++;
    }
    return true;
}

static enum instance_fault write_copy(const struct candidate *candidate, const size_t *without,
                                      size_t count, const char *destination,
                                      struct candidate_overlay *overlays, size_t *overlay_count,
                                      char why[CANDIDATE_WHY_SIZE])
{
    const struct copying copying = {candidate, without, count, destination, why};
    const struct candidate_mta *mta = candidate_mta(candidate);
    size_t room = *overlay_count;
    size_t used = 0;

    if (!copy_folder(&copying, "", 0) || !write_overlays(&copying, overlays, room, &used)) {
        return INSTANCE_FAULT_OF_HOST;
    }
    *overlay_count = room;
    const struct candidate_settling settling = {without, count, destination, overlays, room, &used};
    enum instance_fault fault =
        mta->settle != NULL ? mta->settle(candidate, &settling, why) : INSTANCE_NO_FAULT;
    if (fault == INSTANCE_NO_FAULT) {
        *overlay_count = used;
    }
    return fault;
}

enum instance_fault candidate_write(const struct candidate *candidate, const size_t *without,
                                    size_t count, const char *destination,
                                    struct candidate_overlay *overlays, size_t *overlay_count,
                                    char why[CANDIDATE_WHY_SIZE])
{
    size_t always = 0;
    const size_t *left_out = candidate_left_out(candidate, &always);
    size_t *all = calloc(count + always + 1, sizeof(*all));

    if (all == NULL) {
        snprintf(why, CANDIDATE_WHY_SIZE, "out of memory");
        return INSTANCE_FAULT_OF_HOST;
    }
    for (size_t i = 0; i < count + always; i++) {
        all[i] = i < count ? without[i] : left_out[i - count];
    }
    enum instance_fault fault =
        write_copy(candidate, all, count + always, destination, overlays, overlay_count, why);
    free(all);
    return fault;
}
