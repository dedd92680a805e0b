#include "probe/cli/verbs.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lib/printable.h"
#include "lib/sys/new_file.h"
#include "lib/token.h"

static void print_result(const struct options *invocation, const char *shown,
                         const char *fingerprint)
{
    if (!invocation->json) {
        printf("%s: key made, fingerprint %s\n", shown, fingerprint);
        return;
    }
    json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:s, s:i}", "program", PROBE_PROGRAM,
                               "version", RELAYWARDEN_VERSION, "schema", PROBE_SCHEMA, "file",
                               shown, "fingerprint", fingerprint, "exit", 0);
    if (object != NULL) {
        json_dumpf(object, stdout, JSON_COMPACT);
        fputc('\n', stdout);
    }
    json_decref(object);
}

static int make_key(const struct options *invocation, const char *path,
                    uint8_t octets[TOKEN_KEY_MIN])
{
    char fingerprint[TOKEN_FINGERPRINT_SIZE];
    char shown[PATH_MAX];
    struct token_key key;

    printable_string(shown, sizeof(shown), path);
    if (getrandom(octets, TOKEN_KEY_MIN, 0) != TOKEN_KEY_MIN) {
        return options_fail(invocation, "no random octets are to be had: %s", strerror(errno));
    }
    if (!token_key_derive(octets, TOKEN_KEY_MIN, &key)) {
        return options_fail(invocation, "out of memory");
    }
    token_fingerprint(&key, fingerprint);
    token_wipe(&key, sizeof(key));
    int error = new_file_write(path, octets, TOKEN_KEY_MIN, 0600);
    if (error == EEXIST) {
        return options_fail(invocation,
                            "%s is there already and stays as it is; name a new file, or remove "
                            "that one if nothing uses it any more",
                            shown);
    }
    if (error != 0) {
        return options_fail(invocation, "%s cannot be written: %s", shown, strerror(error));
    }
    print_result(invocation, shown, fingerprint);
    return options_output_is_written() ? 0 : PROBE_EXIT_UNKNOWN;
}

int keygen_main(const struct options *invocation)
{
    uint8_t octets[TOKEN_KEY_MIN];

    int code = make_key(invocation, invocation->arguments[0], octets);
    token_wipe(octets, sizeof(octets));
    return code;
}
