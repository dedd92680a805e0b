/*
 * arguments - the filter's command line, and its --help
 */
#ifndef RELAYWARDEN_MILTER_SERVICE_ARGUMENTS_H
#define RELAYWARDEN_MILTER_SERVICE_ARGUMENTS_H

#define MILTER_PROGRAM "relaywarden-milter"

enum order {
    ORDER_SERVE, /* none was given */
    ORDER_TEST,
    ORDER_DISCOVER,
    ORDER_MASKED,
    ORDER_UNMASK,
    ORDER_ALERT_TEST,
};

/* Its text is that of argv, or lasts. */
struct arguments {
    const char *config;
    enum order order;
    const char *value; /* of ORDER_DISCOVER: where, NULL is wherever there is one; of ORDER_UNMASK:
                          the address */
};

/* Returns -1 to go on, else the exit status: help or the version was shown, or one sentence on
 * standard error names the word that is wrong and the remedy. */
int arguments_read(int argc, char **argv, struct arguments *out);

#endif
