#include "milter/status/status_values.h"

#include "lib/alert/sink/format.h"

json_t *status_count_json(uint64_t count)
{
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *status_time_json(int64_t time)
{
    char text[21];

    return time == 0 ? json_null() : json_string(format_time(text, (time_t)time));
}
