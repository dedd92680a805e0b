#include "lib/alert/sink.h"

static bool wants_syslog(const struct alert_settings *settings)
{
    return settings->syslog_format != SYSLOG_NONE;
}

static bool wants_json(const struct alert_settings *settings)
{
    return settings->json_path != NULL && settings->json_path[0] != '\0';
}

static struct sink *make_json(const struct sink_identity *identity,
                              const struct alert_settings *settings, const char *syslog_socket)
{
    (void)syslog_socket;
    return sink_json_new(identity, settings);
}

const struct sink_kind sink_kinds[] = {
    {"syslog", false, wants_syslog, sink_syslog_new},
    {"json", true, wants_json, make_json},
    {NULL, false, NULL, NULL},
};
