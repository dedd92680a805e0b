#include "tests/unit/liar.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_SIZE 8192

enum {
    TYPE_A = 1,
    TYPE_CNAME = 5,
    TYPE_PTR = 12,
    TYPE_MX = 15,
    TYPE_TXT = 16,
    TYPE_AAAA = 28
};

struct liar {
    const struct liar_row *rows;
    int udp;
    int tcp;
    int stop[2];
    uint16_t port;
    pthread_t thread;
};

struct packet {
    unsigned char bytes[PACKET_SIZE];
    size_t length;
};

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "liar: %s\n", what);
        abort();
    }
}

static void put16(struct packet *packet, unsigned int value)
{
    packet->bytes[packet->length++] = (unsigned char)(value >> 8);
    packet->bytes[packet->length++] = (unsigned char)value;
}

static void put_name(struct packet *packet, const char *name)
{
    while (*name != '\0' && strcmp(name, ".") != 0) {
        size_t length = strcspn(name, ".");
        packet->bytes[packet->length++] = (unsigned char)length;
        memcpy(packet->bytes + packet->length, name, length);
        packet->length += length;
        name += length + (name[length] == '.');
    }
    packet->bytes[packet->length++] = 0;
}

/* Reads the question's name as text; returns what follows it. */
static const unsigned char *read_name(const unsigned char *at, char *out)
{
    while (*at != 0) {
        memcpy(out, at + 1, *at);
        out += *at;
        *out++ = '.';
        at += *at + 1;
    }
    out[-1] = '\0';
    return at + 1;
}

static const struct {
    const char *name;
    unsigned int type;
} types[] = {
    {"A", TYPE_A},   {"CNAME", TYPE_CNAME}, {"PTR", TYPE_PTR},
    {"MX", TYPE_MX}, {"TXT", TYPE_TXT},     {"AAAA", TYPE_AAAA},
};

static unsigned int type_of(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].name, name) == 0) {
            return types[i].type;
        }
    }
    must(false, "a type that is none");
    return 0;
}

/* Pieces of a TXT record are divided by "|". */
static void put_text(struct packet *packet, const char *text)
{
    do {
        size_t length = strcspn(text, "|");
        packet->bytes[packet->length++] = (unsigned char)length;
        memcpy(packet->bytes + packet->length, text, length);
        packet->length += length;
        text += length;
    } while (*text++ == '|');
}

static void put_record(struct packet *packet, const char *line, char *owner)
{
    char type[8];
    char value[256];
    char *after;
    size_t mark;

    must(sscanf(line, "%7s %255[^\n]", type, value) == 2, "a record that is none");
    put_name(packet, owner);
    put16(packet, type_of(type));
    put16(packet, 1);
    put16(packet, 0);
    put16(packet, 60);
    mark = packet->length;
    put16(packet, 0);
    if (strcmp(type, "MX") == 0) {
        put16(packet, (unsigned int)strtoul(value, &after, 10));
        put_name(packet, after + 1);
    } else if (strcmp(type, "A") == 0) {
        must(inet_pton(AF_INET, value, packet->bytes + packet->length) == 1, "A");
        packet->length += 4;
    } else if (strcmp(type, "AAAA") == 0) {
        must(inet_pton(AF_INET6, value, packet->bytes + packet->length) == 1, "AAAA");
        packet->length += 16;
    } else if (strcmp(type, "TXT") == 0) {
        put_text(packet, value);
    } else if (strcmp(type, "PTR") == 0) {
        put_name(packet, value);
    } else {
        put_name(packet, value);
        snprintf(owner, 256, "%s", value);
    }
    size_t length = packet->length - mark - 2;
    packet->bytes[mark] = (unsigned char)(length >> 8);
    packet->bytes[mark + 1] = (unsigned char)length;
}

static unsigned int put_records(struct packet *packet, const char *records, const char *name)
{
    char owner[256];
    unsigned int count = 0;

    snprintf(owner, sizeof(owner), "%s", name);
    while (records != NULL && *records != '\0') {
        char line[300];
        size_t length = strcspn(records, "\n");
        snprintf(line, sizeof(line), "%.*s", (int)length, records);
        put_record(packet, line, owner);
        must(packet->length < PACKET_SIZE - 600, "the answer is too long");
        count++;
        records += length + (records[length] == '\n');
    }
    return count;
}

static const struct liar_row *find_row(const struct liar *liar, const char *name, unsigned int type)
{
    static const struct liar_row nothing = {.rcode = 3};
    static const struct liar_row no_data = {.rcode = 0};
    bool known = false;

    for (const struct liar_row *row = liar->rows; row->name != NULL; row++) {
        if (strcasecmp(row->name, name) == 0) {
            known = true;
            if (type_of(row->type) == type) {
                return row;
            }
        }
    }
    return known ? &no_data : &nothing;
}

/* False when nothing is to be said. */
static bool make_answer(const struct liar *liar, const unsigned char *question, bool over_tcp,
                        struct packet *answer)
{
    char name[256];
    const unsigned char *rest = read_name(question + 12, name);
    unsigned int type = (unsigned int)rest[0] << 8 | rest[1];
    size_t question_length = (size_t)(rest + 4 - question);
    const struct liar_row *row = find_row(liar, name, type);
    bool cut = row->way == LIAR_TRUNCATED && !over_tcp;

    if (row->way == LIAR_SILENT) {
        return false;
    }
    memset(answer, 0, sizeof(*answer));
    memcpy(answer->bytes, question, question_length);
    memset(answer->bytes + 6, 0, 6); /* counts of the other sections */
    answer->bytes[2] = (unsigned char)(0x81 | (cut ? 0x02 : 0));
    answer->bytes[3] = (unsigned char)(0x80 | row->rcode);
    answer->length = question_length;
    if (row->way == LIAR_GARBAGE) {
        answer->bytes[7] = 9; /* as many answers, of which none is there */
        memset(answer->bytes + answer->length, 0xc0, 40);
        answer->length += 40;
    } else if (!cut) {
        answer->bytes[7] = (unsigned char)put_records(answer, row->records, name);
    }
    return true;
}

static void serve_udp(const struct liar *liar)
{
    unsigned char question[PACKET_SIZE];
    struct packet answer;
    struct sockaddr_in from;
    socklen_t from_length = sizeof(from);
    ssize_t length =
        recvfrom(liar->udp, question, sizeof(question), 0, (struct sockaddr *)&from, &from_length);

    if (length > 16 && make_answer(liar, question, false, &answer)) {
        sendto(liar->udp, answer.bytes, answer.length, 0, (struct sockaddr *)&from, from_length);
    }
}

static void serve_tcp(const struct liar *liar)
{
    unsigned char question[PACKET_SIZE];
    struct packet answer;
    int client = accept(liar->tcp, NULL, NULL);
    size_t have = 0;

    while (client >= 0 && (have < 2 || have < 2U + ((size_t)question[0] << 8 | question[1]))) {
        ssize_t got = recv(client, question + have, sizeof(question) - have, 0);
        if (got <= 0) {
            break;
        }
        have += (size_t)got;
    }
    if (have > 18 && make_answer(liar, question + 2, true, &answer)) {
        const unsigned char length[2] = {(unsigned char)(answer.length >> 8),
                                         (unsigned char)answer.length};
        (void)!write(client, length, sizeof(length));
        (void)!write(client, answer.bytes, answer.length);
    }
    if (client >= 0) {
        close(client);
    }
}

static void *run(void *user)
{
    struct liar *liar = user;

    while (true) {
        struct pollfd wait[3] = {{.fd = liar->stop[0], .events = POLLIN},
                                 {.fd = liar->udp, .events = POLLIN},
                                 {.fd = liar->tcp, .events = POLLIN}};
        (void)poll(wait, 3, -1);
        if (wait[0].revents != 0) {
            return NULL;
        }
        if (wait[1].revents != 0) {
            serve_udp(liar);
        }
        if (wait[2].revents != 0) {
            serve_tcp(liar);
        }
    }
}

/* TCP and UDP on one port. The kernel chooses one that is free for TCP; for UDP another program may
   have it, then the next one is tried. */
static bool bind_both(struct liar *liar)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(here);

    liar->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(liar->tcp, (struct sockaddr *)&here, sizeof(here)) == 0 &&
             listen(liar->tcp, 8) == 0 &&
             getsockname(liar->tcp, (struct sockaddr *)&here, &length) == 0,
         "bind");
    if (bind(liar->udp, (struct sockaddr *)&here, sizeof(here)) != 0) {
        must(errno == EADDRINUSE, "bind");
        close(liar->tcp);
        return false;
    }
    liar->port = ntohs(here.sin_port);
    return true;
}

struct liar *liar_start(const struct liar_row *rows)
{
    struct liar *liar = calloc(1, sizeof(*liar));
    int tries = 100;

    must(liar != NULL, "memory");
    liar->rows = rows;
    liar->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(pipe(liar->stop) == 0, "pipe");
    while (!bind_both(liar)) {
        must(--tries > 0, "bind");
    }
    must(pthread_create(&liar->thread, NULL, run, liar) == 0, "thread");
    return liar;
}

uint16_t liar_port(const struct liar *liar)
{
    return liar->port;
}

void liar_stop(struct liar *liar)
{
    close(liar->stop[1]);
    pthread_join(liar->thread, NULL);
    close(liar->stop[0]);
    close(liar->udp);
    close(liar->tcp);
    free(liar);
}
