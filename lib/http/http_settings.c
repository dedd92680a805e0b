#include "lib/http/http_settings.h"

bool http_place_is(const struct http_place *a, const struct http_place *b)
{
    return a->port == b->port && a->address.family == b->address.family &&
           (a->address.family == ADDRESS_NONE || address_equal(&a->address, &b->address));
}
