/*
 * do_nothing SOCKET - the yardstick of the benchmarks: a libmilter filter whose connect, MAIL and
 * RCPT callbacks continue, and nothing else.
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <sys/stat.h>

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    (void)ctx;
    (void)host;
    (void)address;
    return SMFIS_CONTINUE;
}

static sfsistat on_path(SMFICTX *ctx, char **arguments)
{
    (void)ctx;
    (void)arguments;
    return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
    static char name[] = "do-nothing";
    struct smfiDesc filter = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_connect = on_connect,
        .xxfi_envfrom = on_path,
        .xxfi_envrcpt = on_path,
    };

    if (argc != 2) {
        fputs("usage: do_nothing SOCKET\n", stderr);
        return 64;
    }
    umask(0);
    if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS ||
        smfi_opensocket(true) != MI_SUCCESS) {
        fprintf(stderr, "do_nothing: cannot serve on %s\n", argv[1]);
        return 71;
    }
    return smfi_main() == MI_SUCCESS ? 0 : 71;
}
