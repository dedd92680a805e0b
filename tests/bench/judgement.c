/*
 * judgement - what one RCPT costs the filter, and what a big site costs in memory
 *
 * usage: judgement
 *
 * For sites of 10, 10,000 and 1,000,000 domains, each with 10,000 trusted networks: the time to
 * load the configuration, the resident memory it takes, and the nanoseconds of one call of
 * connection_rcpt and of judge_permission (medians of runs). Each size in a process of its own.
 * Then a million recipients on one connection, and whether memory has grown; and what MAIL of a
 * trusted client costs while addresses are masked, on one thread and on several at once.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conf/conf.h"
#include "milter/connection.h"

#define NETWORKS 10000
#define CALLS    200000
#define RUNS     5
#define MILLION  1000000

static struct transactions transactions = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Of this thread: what else the machine does is no cost of ours. */
static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double resident_mib(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        perror("/proc/self/statm");
        exit(1);
    }
    fclose(file);
    unsigned long resident = strtoul(line + strcspn(line, " "), NULL, 10); /* the second */
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1024.0 * 1024.0);
}

static void write_domains(const char *path, unsigned int count)
{
    FILE *file = fopen(path, "we");

    for (unsigned int i = 0; file != NULL && i < count; i++) {
        fprintf(file, "customer-%u.example.org\n", i);
    }
    if (file == NULL || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_configuration(const char *path, const char *domains)
{
    FILE *file = fopen(path, "we");

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(file, "site { domain_files = { \"%s\" } trusted_networks = { \"127.0.0.0/8\"", domains);
    for (unsigned int i = 0; i < NETWORKS; i++) {
        fprintf(file, ", \"10.%u.%u.0/25\"", i / 256, i % 256);
    }
    fputs(" } }\nmilter { user = \"\" }\n", file);
    if (fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static struct conf *load(const char *path)
{
    struct conf_report report = {0};
    struct conf *conf = conf_load(path, CONF_MILTER, &report);

    if (conf == NULL) {
        fprintf(stderr, "%s\n", report.mistake_count > 0 ? report.mistakes[0] : "no memory");
        exit(1);
    }
    conf_report_free(&report);
    return conf;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double values[RUNS])
{
    qsort(values, RUNS, sizeof(values[0]), ascending);
    return values[RUNS / 2];
}

struct question {
    const char *name;
    const char *mailer;
    const char *status;   /* {rcpt_host} of a refusal, NULL for an accepted one */
    const char *domain;   /* before its number */
    unsigned int domains; /* how many numbers */
};

/* Recipients are written beforehand: what is measured is the call alone. */
static double ask(struct connection *connection, const struct question *question)
{
    enum {
        VARIANTS = 1024
    };
    static char paths[VARIANTS][96];
    static char addresses[VARIANTS][96];
    double runs[RUNS];

    for (unsigned int i = 0; i < VARIANTS; i++) {
        char domain[64];
        snprintf(domain, sizeof(domain), "%s%u.example.%s", question->domain,
                 i * 2654435761U % question->domains,
                 strcmp(question->domain, "customer-") == 0 ? "org" : "net");
        snprintf(addresses[i], sizeof(addresses[i]), "u@%.80s", domain);
        snprintf(paths[i], sizeof(paths[i]), "<%.90s>", addresses[i]);
    }
    for (int run = 0; run < RUNS; run++) {
        double began = now_ns();
        for (unsigned int i = 0; i < CALLS; i++) {
            const char *address = addresses[i % VARIANTS];
            connection_rcpt(connection, paths[i % VARIANTS],
                            &(struct rcpt_macros){
                                question->mailer,
                                question->status != NULL ? question->status : "next.example.net",
                                question->status != NULL ? "Relay access denied" : address});
        }
        runs[run] = (now_ns() - began) / CALLS;
    }
    return median(runs);
}

static double ask_permission(const struct live_conf *snapshot)
{
    const struct client_macros nobody = {0};
    double runs[RUNS];
    unsigned int trusted = 0;

    for (int run = 0; run < RUNS; run++) {
        double began = now_ns();
        for (unsigned int i = 0; i < CALLS; i++) {
            struct sockaddr_in from = {.sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(0x0A000000U | (i * 40503U) >> 4)};
            struct address client = address_from_sockaddr((const struct sockaddr *)&from);
            trusted += judge_permission(snapshot->rules.site, &client, &nobody) != PERMISSION_NONE;
        }
        runs[run] = (now_ns() - began) / CALLS;
    }
    return trusted == 0 ? -1 : median(runs);
}

static struct connection *stranger(struct live_conf *snapshot)
{
    struct sockaddr_in client = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xC6336407U)};
    const struct connection_origin origin = {
        .client = (const struct sockaddr *)&client,
        .daemon_address = "203.0.113.25",
        .daemon_port = "25",
    };
    struct connection *connection = connection_new(snapshot, &transactions, &origin);

    if (connection == NULL ||
        connection_mail(connection, "<a@sender.example.net>", &(struct client_macros){0})) {
        fputs("the stranger is none\n", stderr);
        exit(1);
    }
    return connection;
}

static void show_growth(struct connection *connection)
{
    const struct question own = {"own", "relay", NULL, "customer-", 10};

    ask(connection, &own);
    double resident = resident_mib();
    struct mallinfo2 before = mallinfo2();
    for (unsigned int done = 0; done < MILLION; done += RUNS * CALLS) {
        ask(connection, &own);
    }
    struct mallinfo2 after = mallinfo2();
    printf("after a million recipients: %+.2f MiB resident, %+ld octets allocated\n",
           resident_mib() - resident, (long)after.uordblks - (long)before.uordblks);
}

/* ---- masks ---- */

#define MASK_THREADS 4

static struct probe_dialogue_desk desk = PROBE_DIALOGUE_DESK;
static struct live_conf *site;

static struct connection *insider(unsigned int number)
{
    struct sockaddr_in client = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(0x0A010200U + number)};
    const struct connection_origin origin = {.client = (const struct sockaddr *)&client};

    atomic_fetch_add(&site->references, 1);
    return connection_new(site, &transactions, &origin);
}

/* A thread's median of nanoseconds for one MAIL. */
static void *send_mails(void *out)
{
    struct connection *connection = insider(7);
    const struct client_macros nobody = {0};
    double runs[RUNS];

    if (connection == NULL || !connection_mail(connection, "<a@customer-1.example.org>", &nobody)) {
        fputs("the insider is none\n", stderr);
        exit(1);
    }
    for (int run = 0; run < RUNS; run++) {
        double began = now_ns();
        for (unsigned int i = 0; i < CALLS; i++) {
            connection_mail(connection, "<a@customer-1.example.org>", &nobody);
        }
        runs[run] = (now_ns() - began) / CALLS;
    }
    *(double *)out = median(runs);
    return NULL;
}

static double mails_on(unsigned int threads)
{
    pthread_t thread[MASK_THREADS];
    double slowest = 0;
    double each[MASK_THREADS];

    for (unsigned int i = 0; i < threads; i++) {
        if (pthread_create(&thread[i], NULL, send_mails, &each[i]) != 0) {
            exit(1);
        }
    }
    for (unsigned int i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        slowest = each[i] > slowest ? each[i] : slowest;
    }
    return slowest;
}

static void show_masked(struct live_conf *snapshot)
{
    static const unsigned int sizes[] = {0, 1, MASKS_MAX};
    unsigned int masked = 0;

    site = snapshot;
    transactions.desk = &desk;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (; masked < sizes[i]; masked++) {
            struct mask mask = {.route = {1}, .listener = "203.0.113.25:25"};
            mask.address.family = ADDRESS_IPV4;
            memcpy(mask.address.octets, (const uint8_t[]){10, 101, masked / 256, masked % 256}, 4);
            masks_hide(&desk.masks, &mask, 1);
        }
        printf("MAIL of a trusted client, %4u masked: %5.0f ns; on %d threads %5.0f ns\n", masked,
               mails_on(1), MASK_THREADS, mails_on(MASK_THREADS));
    }
}

static void measure(unsigned int domains, const char *folder)
{
    char path[256];
    char domain_path[256];
    const struct question questions[] = {
        {"own", "relay", NULL, "customer-", domains},
        {"refused", "error", "5.7.1", "elsewhere-", 100000},
        {"relayed", "smtp", NULL, "elsewhere-", 100000},
    };

    snprintf(path, sizeof(path), "%s/conf", folder);
    snprintf(domain_path, sizeof(domain_path), "%s/domains", folder);
    write_domains(domain_path, domains);
    write_configuration(path, domain_path);
    double empty = resident_mib();
    double began = now_ns();
    struct live_conf *snapshot = live_conf_new(load(path), NULL);
    double loading = (now_ns() - began) / 1e9;
    if (snapshot == NULL) {
        exit(1);
    }
    printf("%9u domains: loaded in %6.3f s, %7.1f MiB resident; permission %4.0f ns; RCPT", domains,
           loading, resident_mib() - empty, ask_permission(snapshot));
    struct connection *connection = stranger(snapshot);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        printf(" %s %4.0f ns%s", questions[i].name, ask(connection, &questions[i]),
               i + 1 < sizeof(questions) / sizeof(questions[0]) ? "," : "\n");
    }
    if (domains == 10) {
        show_growth(connection);
        show_masked(snapshot);
    }
    unlink(path);
    unlink(domain_path);
    fflush(stdout);
    _exit(0); /* what is pending has no reporter */
}

int main(void)
{
    static const unsigned int sizes[] = {10, 10000, 1000000};
    char folder[] = "/tmp/relaywarden-bench-XXXXXX";
    int worst = 0;

    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    printf("%d trusted networks\n", NETWORKS);
    fflush(stdout);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) {
            measure(sizes[i], folder);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            worst = 1;
        }
    }
    rmdir(folder);
    return worst;
}
