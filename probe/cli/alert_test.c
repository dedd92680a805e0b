#include "probe/cli/verbs.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "lib/alert/sink/sinks.h"
#include "probe/cli/privileges.h"

#define EXIT_NOT_TAKEN 2

/* sink_tested; `user` is the array of --json, or NULL. Standard output may be a sink itself. */
static void tell(const char *name, const char *error, void *user)
{
    if (user != NULL) {
        json_array_append_new(user, json_pack("{s:s, s:b, s:s?}", "sink", name, "taken",
                                              error == NULL, "why", error));
    } else {
        fprintf(stderr, "%s: %s%s\n", name,
                error == NULL ? "taken" : "not taken: ", error == NULL ? "" : error);
    }
}

static int send_test(const struct options *invocation, const struct conf *conf)
{
    struct utsname names = {.nodename = ""};

    (void)uname(&names);
    const struct sink_identity identity = {.program = PROBE_PROGRAM, .host = names.nodename};
    const struct sink_source source = {.identity = &identity, .settings = &conf->alert};
    json_t *sinks = invocation->json ? json_array() : NULL;
    int failed = sink_test_all(&source, tell, sinks);
    int code = failed < 0 ? PROBE_EXIT_UNKNOWN : failed > 0 ? EXIT_NOT_TAKEN : 0;
    if (failed < 0) {
        code = options_fail_for(invocation, OPTIONS_CONFIGURATION,
                                "no sink is set; name one in alert { }");
    } else if (invocation->json) {
        json_t *object =
            json_pack("{s:s, s:s, s:i, s:O, s:i}", "program", PROBE_PROGRAM, "version",
                      RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "sinks", sinks, "exit", code);

        (void)json_dumpf(object, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(object);
    }
    json_decref(sinks);
    return options_output_is_written() ? code : PROBE_EXIT_UNKNOWN;
}

int alert_test_main(const struct options *invocation)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(invocation->conf_path, CONF_PROBE, &report);
    char owner[PRIVILEGES_NAME_SIZE];
    int code;

    if (conf == NULL) {
        code = options_fail_configuration(invocation, &report);
    } else if (invocation->json && strcmp(conf->alert.json_path, ALERT_JSON_OUTPUT) == 0) {
        code = options_fail_for(invocation, OPTIONS_CONFIGURATION,
                                "both --json and json = \"-\" of the configuration want standard "
                                "output; leave one of them out");
    } else {
        (void)privileges_become(conf, owner);
        signal(SIGPIPE, SIG_IGN);
        code = send_test(invocation, conf);
    }
    conf_report_free(&report);
    conf_free(conf);
    return code;
}
