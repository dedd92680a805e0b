#include "conf/numbers.h"

#include <confuse.h>
#include <limits.h>
#include <string.h>

int conf_read_boolean(const char *text)
{
    return cfg_parse_boolean(text);
}

long conf_read_digits(const char *text, size_t length, int base)
{
    long value = 0;

    if (length == 0) {
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] >= '0' + base) {
            return -1;
        }
        int digit = text[i] - '0';
        value = value > (LONG_MAX - digit) / base ? LONG_MAX : value * base + digit;
    }
    return value;
}

bool conf_read_number(const char *text, long least, long most, long *out)
{
    long value = conf_read_digits(text, strlen(text), 10);

    if (value < least || value > most || value < 0) {
        return false;
    }
    *out = value;
    return true;
}
