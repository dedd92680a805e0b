#include "probe/rehearse/stage/mount_view.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static int protect(int folder, const char *path, unsigned int flags)
{
    struct mount_attr attributes = {.attr_set =
                                        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};

    return (int)syscall(SYS_mount_setattr, folder, path, flags | AT_RECURSIVE, &attributes,
                        sizeof(attributes));
}

int mount_view_copy(const char *path)
{
    return (int)syscall(SYS_open_tree, AT_FDCWD, path,
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

int mount_view_put(int copy, const char *path)
{
    return (int)syscall(SYS_move_mount, copy, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
}

int mount_view_protect(const char *path)
{
    return protect(AT_FDCWD, path, 0);
}

int mount_view_protect_copy(int copy)
{
    return protect(copy, "", AT_EMPTY_PATH);
}
