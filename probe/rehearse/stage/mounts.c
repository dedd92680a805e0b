#include "probe/rehearse/stage/mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/rehearse/stage/mount_view.h"

static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                      "/dev/urandom"};
#define DEVICE_COUNT (sizeof(devices) / sizeof(devices[0]))
static const char *const private_folders[] = {"/dev", "/run", "/tmp"};
#define PRIVATE_COUNT (sizeof(private_folders) / sizeof(private_folders[0]))

#define EMPTY_FILE MOUNTS_BASE "/empty"
/* Of what a covered secret has: only whoever may read anything may read it. */
#define NO_SECRETS   MOUNTS_BASE "/no-secrets"
#define FILES        MOUNTS_BASE "/files"
#define SOCKETS_LIST "/proc/net/unix"

static int fail(char error[MOUNTS_ERROR_SIZE], const char *what, const char *path)
{
    snprintf(error, MOUNTS_ERROR_SIZE, "%s %s: %s", what, path, strerror(errno));
    return -1;
}

int mounts_make_folder(const char *path, mode_t mode)
{
    char so_far[PATH_MAX];
    size_t length = strlen(path);

    if (length >= sizeof(so_far)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(so_far, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (so_far[i] == '/' || so_far[i] == '\0') {
            char kept = so_far[i];
            so_far[i] = '\0';
            if (mkdir(so_far, kept == '\0' ? mode : 0755) != 0 && errno != EEXIST &&
                access(so_far, F_OK) != 0) {
                return -1;
            }
            so_far[i] = kept;
        }
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

void mounts_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int mounts_write(const char *path, const char *text, size_t length, mode_t mode)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    size_t done = 0;

    while (file >= 0 && done < length) {
        ssize_t step = write(file, text + done, length - done);
        if (step <= 0) {
            break;
        }
        done += (size_t)step;
    }
    if (file >= 0 && fchmod(file, mode) == 0 && close(file) == 0 && done == length) {
        return 0;
    }
    return -1;
}

static bool is_private(const char *path)
{
    for (size_t i = 0; i < PRIVATE_COUNT; i++) {
        size_t length = strlen(private_folders[i]);
        if (strncmp(path, private_folders[i], length) == 0 && path[length] == '/') {
            return true;
        }
    }
    return false;
}

int mounts_empty(const char *path, const char *size, mode_t mode, char error[MOUNTS_ERROR_SIZE])
{
    char options[64];

    snprintf(options, sizeof(options), "mode=%o,size=%s,nr_inodes=100k", mode, size);
    if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0) {
        return fail(error, "no private folder can be laid over", path);
    }
    return 0;
}

int mounts_bind(const char *from, const char *to, char error[MOUNTS_ERROR_SIZE])
{
    int copy = mount_view_copy(from);

    if (copy < 0 || mount_view_protect_copy(copy) != 0 || mount_view_put(copy, to) != 0) {
        (void)fail(error, "nothing can be laid over", to);
        if (copy >= 0) {
            close(copy);
        }
        return -1;
    }
    close(copy);
    return 0;
}

/* Where the file is in the end: a link may lead to a private folder, where there is nothing. */
static void resolve(const char *path, char out[PATH_MAX])
{
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target) - 1);

    snprintf(out, PATH_MAX, "%s", path);
    if (length <= 0) {
        return;
    }
    target[length] = '\0';
    if (target[0] == '/') {
        snprintf(out, PATH_MAX, "%s", target);
    } else {
        const char *slash = strrchr(path, '/');
        char whole[2 * PATH_MAX];
        snprintf(whole, sizeof(whole), "%.*s/%s", (int)(slash - path), path, target);
        /* "/etc/../run/x", as systemd's resolved makes its link. */
        const char *up = strstr(whole, "/../");
        if (up != NULL && strchr(whole + 1, '/') == up) {
            snprintf(out, PATH_MAX, "%s", up + 3);
        } else if (strlen(whole) < PATH_MAX) {
            memcpy(out, whole, strlen(whole) + 1);
        }
    }
}

int mounts_lay_file(const char *path, const char *text, char error[MOUNTS_ERROR_SIZE])
{
    static unsigned int number;
    char place[PATH_MAX];
    char folder[PATH_MAX];
    char file[sizeof(FILES) + 16];

    resolve(path, place);
    if (is_private(place)) {
        snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(place, '/') - place), place);
        if (mounts_make_folder(folder, 0755) != 0 ||
            mounts_write(place, text, strlen(text), 0644) != 0) {
            return fail(error, "there is no room for", place);
        }
        return 0;
    }
    snprintf(file, sizeof(file), "%s/%u", FILES, number++);
    if (mounts_write(file, text, strlen(text), 0644) != 0) {
        return fail(error, "there is no room for", file);
    }
    if (access(place, F_OK) != 0) {
        return 0; /* it is not there, and cannot be made: what reads it has its defaults */
    }
    return mounts_bind(file, place, error);
}

/* ---- sockets ------------------------------------------------------------------------------ */

static bool is_reached(const struct mounts_settings *settings, const char *path)
{
    for (size_t i = 0; i < settings->reach_count; i++) {
        if (strcmp(settings->reach[i], path) == 0) {
            return true;
        }
    }
    return false;
}

/* Covers one; what is not there any more needs no cover. */
static int cover_socket(const char *path, char error[MOUNTS_ERROR_SIZE])
{
    struct stat status;

    if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return 0;
    }
    if (mount(EMPTY_FILE, path, NULL, MS_BIND, NULL) != 0) {
        return fail(error, "this host's socket cannot be covered:", path);
    }
    return 0;
}

/* The folders that this host's processes are in: a server such as Postfix's binds its sockets by a
 * name within its own. */
struct places {
    char (*all)[PATH_MAX];
    size_t count;
};

static void add_place(struct places *places, const char *process)
{
    char link[64];
    char target[PATH_MAX];

    snprintf(link, sizeof(link), "/proc/%.20s/cwd", process);
    ssize_t length = readlink(link, target, sizeof(target) - 1);
    if (length <= 0 || target[0] != '/') {
        return;
    }
    target[length] = '\0';
    for (size_t i = 0; i < places->count; i++) {
        if (strcmp(places->all[i], target) == 0) {
            return;
        }
    }
    char(*grown)[PATH_MAX] = realloc(places->all, (places->count + 1) * sizeof(*grown));
    if (grown != NULL) {
        places->all = grown;
        memcpy(places->all[places->count++], target, (size_t)length + 1);
    }
}

static void find_places(struct places *places)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry = NULL;

    while (processes != NULL && (entry = readdir(processes)) != NULL) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
            add_place(places, entry->d_name);
        }
    }
    if (processes != NULL) {
        closedir(processes);
    }
}

static int cover(const char *path, const struct mounts_settings *settings,
                 char error[MOUNTS_ERROR_SIZE])
{
    return is_private(path) || is_reached(settings, path) ? 0 : cover_socket(path, error);
}

/* "/run/x/socket", or "private/smtp" in whatever folder its server is in. */
static int cover_named(const char *name, struct places *places,
                       const struct mounts_settings *settings, char error[MOUNTS_ERROR_SIZE])
{
    char path[2 * PATH_MAX];

    if (name[0] == '/') {
        return cover(name, settings, error);
    }
    if (places->count == 0) {
        find_places(places);
    }
    for (size_t i = 0; i < places->count; i++) {
        snprintf(path, sizeof(path), "%s/%s", places->all[i], name);
        if (cover(path, settings, error) != 0) {
            return -1;
        }
    }
    return 0;
}

/* "0000000000000000: 00000002 00000000 00010000 0001 01 20391 private/smtp": the name is behind
 * seven columns; an abstract one, which belongs to a network namespace, begins with "@". */
static int cover_sockets(FILE *list, const struct mounts_settings *settings,
                         char error[MOUNTS_ERROR_SIZE])
{
    char line[PATH_MAX + 128];
    struct places places = {0};
    int status = 0;

    while (status == 0 && fgets(line, sizeof(line), list) != NULL) {
        const char *name = line;
        for (int column = 0; column < 7; column++) {
            name += strspn(name, " ");
            name += strcspn(name, " \n");
        }
        name += strspn(name, " ");
        line[strcspn(line, "\n")] = '\0';
        if (name[0] != '\0' && name[0] != '@' && strncmp(name, "Path", 4) != 0) {
            status = cover_named(name, &places, settings, error);
        }
    }
    free(places.all);
    return status;
}

/* ---- laying it ------------------------------------------------------------------------------ */

static void copy_devices(int copies[DEVICE_COUNT])
{
    for (size_t i = 0; i < DEVICE_COUNT; i++) {
        copies[i] = mount_view_copy(devices[i]);
    }
}

static int put_devices(const int copies[DEVICE_COUNT], char error[MOUNTS_ERROR_SIZE])
{
    for (size_t i = 0; i < DEVICE_COUNT; i++) {
        if (copies[i] < 0) {
            continue;
        }
        if (mounts_write(devices[i], "", 0, 0666) != 0 ||
            mount_view_put(copies[i], devices[i]) != 0) {
            return fail(error, "a private /dev cannot have", devices[i]);
        }
        close(copies[i]);
    }
    return 0;
}

/* Secrets of this host that no mail server's decision depends on; a candidate may name any file. */
static int cover_secrets(char error[MOUNTS_ERROR_SIZE])
{
    static const char *const files[] = {"/etc/shadow", "/etc/gshadow", "/etc/shadow-",
                                        "/etc/gshadow-"};
    static const char *const folders[] = {"/root", "/home", "/etc/ssh", "/etc/ssl/private"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (access(files[i], F_OK) == 0 && mount(NO_SECRETS, files[i], NULL, MS_BIND, NULL) != 0) {
            return fail(error, "this host's secrets cannot be covered:", files[i]);
        }
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (access(folders[i], F_OK) == 0 && mounts_empty(folders[i], "4k", 0755, error) != 0) {
            return -1;
        }
    }
    return 0;
}

static int lay_private(const struct mounts_settings *settings, int candidate,
                       char error[MOUNTS_ERROR_SIZE])
{
    int copies[DEVICE_COUNT];

    copy_devices(copies);
    if (mount_view_protect("/") != 0) {
        return fail(error, "the file systems cannot be made read-only",
                    "(mount_setattr of Linux 5.12)");
    }
    for (size_t i = 0; i < PRIVATE_COUNT; i++) {
        if (mounts_empty(private_folders[i], "256m",
                         strcmp(private_folders[i], "/tmp") == 0 ? 01777 : 0755, error) != 0) {
            return -1;
        }
    }
    if (put_devices(copies, error) != 0) {
        return -1;
    }
    if (mounts_make_folder(MOUNTS_CANDIDATE, 0755) != 0 || mounts_make_folder(FILES, 0755) != 0 ||
        mounts_write(EMPTY_FILE, "", 0, 0444) != 0 || mounts_write(NO_SECRETS, "", 0, 0400) != 0) {
        return fail(error, "there is no room for", MOUNTS_BASE);
    }
    if (mount_view_protect_copy(candidate) != 0 ||
        mount_view_put(candidate, MOUNTS_CANDIDATE) != 0) {
        return fail(error, "the candidate cannot be shown:", settings->candidate);
    }
    return cover_secrets(error);
}

int mounts_lay(const struct mounts_settings *settings, char error[MOUNTS_ERROR_SIZE])
{
    FILE *sockets = fopen(SOCKETS_LIST, "re");
    int candidate = -1;
    int status = -1;

    if (sockets == NULL) {
        return fail(error, "the list of sockets cannot be read:", SOCKETS_LIST);
    }
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        (void)fail(error, "no private view of the file systems can be had,",
                   "unshare(CLONE_NEWNS)");
        goto out;
    }
    candidate = mount_view_copy(settings->candidate);
    if (candidate < 0) {
        (void)fail(error, "the candidate cannot be read:", settings->candidate);
        goto out;
    }
    status = lay_private(settings, candidate, error);
    if (status == 0) {
        status = cover_sockets(sockets, settings, error);
    }
out:
    if (candidate >= 0) {
        close(candidate);
    }
    fclose(sockets);
    return status;
}
