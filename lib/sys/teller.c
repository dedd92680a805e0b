#include "lib/sys/teller.h"

struct teller *teller_hold(struct teller *teller)
{
    teller->hold(teller);
    return teller;
}

void teller_release(struct teller *teller)
{
    teller->release(teller);
}

void teller_wake(struct teller *teller)
{
    teller->wake(teller);
}

void teller_say(struct teller *teller, int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    teller->say(teller, priority, format, arguments);
    va_end(arguments);
}
