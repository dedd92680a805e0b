#include "lib/sys/remedy.h"

#include <errno.h>

const char *remedy_of(int error, const char *usual)
{
    return error == EROFS
               ? "in a systemd unit, name its directory in ReadWritePaths: systemctl edit"
               : usual;
}
