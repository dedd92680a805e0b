#include "lib/alert/sink.h"

static bool wants_syslog(const struct sink_source *source)
{
    return source->settings->syslog_format != SYSLOG_NONE;
}

static bool wants_json(const struct sink_source *source)
{
    const char *path = source->settings->json_path;

    return path != NULL && path[0] != '\0';
}

const struct sink_kind sink_kinds[] = {
    {"syslog", false, wants_syslog, sink_syslog_new},
    {"json", true, wants_json, sink_json_new},
    {NULL, false, NULL, NULL},
};
