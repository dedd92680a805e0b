#include "lib/sys/write_remedy.h"

#include <errno.h>

const char *write_remedy(int error, const char *usual)
{
    return error == EROFS
               ? "in a systemd unit, name its directory in ReadWritePaths: systemctl edit"
               : usual;
}
