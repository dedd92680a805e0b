#include "lib/alert/sink/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/printable.h"

#define CONNECT_MS  5000L
#define WHOLE_MS    15000L
#define ANSWER_MAX  65536
#define HEADERS_MAX 8192
#define HOST_SIZE   128
#define SHOWN_SIZE  151 /* of curl's own sentence */
#define AGENT       "relaywarden/" RELAYWARDEN_VERSION

struct http {
    CURL *easy;
    char *header_file;
    bool ready;                 /* it was read, or there is none */
    struct curl_slist *secrets; /* what is in it */
    atomic_bool interrupted;
    size_t answered; /* octets of the answer so far */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *http_new(const char *header_file)
{
    struct http *http = calloc(1, sizeof(*http));

    if (http == NULL) {
        return NULL;
    }
    pthread_once(&once, begin);
    http->easy = curl_easy_init();
    http->header_file = strdup(header_file == NULL ? "" : header_file);
    if (http->easy == NULL || http->header_file == NULL) {
        http_free(http);
        return NULL;
    }
    return http;
}

void http_free(struct http *http)
{
    if (http->easy != NULL) {
        curl_easy_cleanup(http->easy);
    }
    curl_slist_free_all(http->secrets);
    free(http->header_file);
    free(http);
}

void http_interrupt(struct http *http)
{
    atomic_store(&http->interrupted, true);
}

/* ---- the header file ------------------------------------------------------------------------- */

/* RFC 9110, section 5: a token, a colon, and printable octets. */
static bool is_header(const char *line)
{
    size_t name = 0;

    while (isalnum((unsigned char)line[name]) ||
           (line[name] != '\0' && strchr("!#$%&'*+-.^_`|~", line[name]) != NULL)) {
        name++;
    }
    if (name == 0 || line[name] != ':') {
        return false;
    }
    for (const char *at = line + name; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

static int add_header(struct curl_slist **list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(*list, header);

    if (longer == NULL) {
        return -1;
    }
    *list = longer;
    return 0;
}

static int take_lines(struct http *http, char *text, char error[SINK_ERROR_SIZE])
{
    int number = 0;

    for (char *line; (line = strsep(&text, "\n")) != NULL;) {
        size_t length = strlen(line);

        number++;
        if (length > 0 && line[length - 1] == '\r') {
            line[length - 1] = '\0';
        }
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        if (!is_header(line)) {
            snprintf(error, SINK_ERROR_SIZE,
                     "%.120s: line %d is no header; write NAME: VALUE, one a line",
                     http->header_file, number);
            return -1;
        }
        if (add_header(&http->secrets, line) != 0) {
            snprintf(error, SINK_ERROR_SIZE, "out of memory");
            return -1;
        }
    }
    return 0;
}

int http_open(struct http *http, char error[SINK_ERROR_SIZE])
{
    char text[HEADERS_MAX + 1];
    struct stat status;

    curl_slist_free_all(http->secrets);
    http->secrets = NULL;
    http->ready = http->header_file[0] == '\0';
    if (http->ready) {
        return 0;
    }
    int descriptor = open(http->header_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t length = descriptor < 0 ? -1 : read(descriptor, text, sizeof(text));
    bool secret = descriptor >= 0 && fstat(descriptor, &status) == 0 && (status.st_mode & 07) == 0;
    if (length < 0) {
        snprintf(error, SINK_ERROR_SIZE, "cannot read header_file %.120s: %m", http->header_file);
    } else if (!secret) {
        snprintf(error, SINK_ERROR_SIZE,
                 "header_file %.120s is open to others; close it: chmod o= FILE",
                 http->header_file);
        length = -1;
    } else if ((size_t)length == sizeof(text) || memchr(text, '\0', (size_t)length) != NULL) {
        snprintf(error, SINK_ERROR_SIZE, "header_file %.120s is no text of at most %d octets",
                 http->header_file, HEADERS_MAX);
        length = -1;
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (length < 0) {
        return -1;
    }
    text[length] = '\0';
    int result = take_lines(http, text, error);
    explicit_bzero(text, sizeof(text));
    http->ready = result == 0;
    return result;
}

/* ---- a request ------------------------------------------------------------------------------- */

/* Nobody reads the answer; one without end is cut off. */
static size_t pass_over(char *octets, size_t size, size_t count, void *user)
{
    struct http *http = user;

    (void)octets;
    http->answered += size * count;
    return http->answered > ANSWER_MAX ? 0 : size * count;
}

static int look_up(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct http *http = user;

    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&http->interrupted) ? 1 : 0;
}

/* "alerts.example.org": all of an address that may be shown. */
static void name_host(const char *url, char out[HOST_SIZE])
{
    const char *host = strstr(url, "://");

    host = host == NULL ? url : host + 3;
    size_t length = strcspn(host, "/?#");
    for (size_t i = 0; i < length; i++) {
        if (host[i] == '@') {
            host += i + 1;
            length -= i + 1;
            i = 0;
        }
    }
    snprintf(out, HOST_SIZE, "%.*s", (int)length, host);
}

static void set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void prepare(struct http *http, const struct http_request *request,
                    struct curl_slist *headers, char reason[CURL_ERROR_SIZE])
{
    CURL *easy = http->easy;

    /* Connections and sessions of TLS stay. */
    curl_easy_reset(easy);
    http->answered = 0;
    set_protocols(easy);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, WHOLE_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, AGENT);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, pass_over);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, http);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason);
}

/* The remedy for each answer. */
static const struct {
    long from;
    long to;
    enum sink_fate fate;
    const char *remedy;
} answers[] = {
    {200, 299, SINK_TAKEN, ""},
    {300, 399, SINK_REFUSED, "it leads elsewhere; name that address instead"},
    {401, 401, SINK_REFUSED, "it wants a secret; see header_file"},
    {403, 403, SINK_REFUSED, "it does not accept the secret; see header_file"},
    {404, 404, SINK_REFUSED, "it knows no such path; see the address in the configuration"},
    {408, 408, SINK_FAILED, "it is tried again"},
    {413, 413, SINK_REFUSED, "it takes no message of this size"},
    {429, 429, SINK_FAILED, "it takes no more for now; it is tried again"},
    {500, 599, SINK_FAILED, "it is in trouble itself; it is tried again"},
};

static enum sink_fate judge(const char *host, long code, char error[SINK_ERROR_SIZE])
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (code >= answers[i].from && code <= answers[i].to) {
            snprintf(error, SINK_ERROR_SIZE, "%s answered %ld: %s", host, code, answers[i].remedy);
            return answers[i].fate;
        }
    }
    snprintf(error, SINK_ERROR_SIZE, "%s answered %ld: is this its address, and the right form?",
             host, code);
    return SINK_REFUSED;
}

/* The secrets and the request's own; false: memory is out. "Expect:" without a value: curl shall
 * not wait for a "100 Continue". */
static bool list_headers(const struct http *http, const struct http_request *request,
                         struct curl_slist **list)
{
    bool complete = add_header(list, "Expect:") == 0;

    for (size_t i = 0; complete && request->headers[i] != NULL; i++) {
        complete = add_header(list, request->headers[i]) == 0;
    }
    for (const struct curl_slist *at = http->secrets; complete && at != NULL; at = at->next) {
        complete = add_header(list, at->data) == 0;
    }
    return complete;
}

enum sink_fate http_send(struct http *http, const struct http_request *request,
                         char error[SINK_ERROR_SIZE])
{
    struct curl_slist *headers = NULL;
    char reason[CURL_ERROR_SIZE] = "";
    char shown[SHOWN_SIZE];
    char host[HOST_SIZE];
    long code = 0;

    /* Without its secrets a request would be refused for good, or tell somebody what it should not.
     */
    if (!http->ready && http_open(http, error) != 0) {
        return SINK_FAILED;
    }
    if (!list_headers(http, request, &headers)) {
        curl_slist_free_all(headers);
        snprintf(error, SINK_ERROR_SIZE, "out of memory");
        return SINK_FAILED;
    }
    name_host(request->url, host);
    prepare(http, request, headers, reason);
    CURLcode result = curl_easy_perform(http->easy);
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(http->easy, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(headers);
    /* It has answered; how its body ends says nothing of whether it took the alert. */
    if (code >= 200) {
        return judge(host, code, error);
    }
    /* curl repeats what a certificate says of its owner. */
    printable_string(shown, sizeof(shown), reason[0] != '\0' ? reason : curl_easy_strerror(result));
    snprintf(error, SINK_ERROR_SIZE, "%.100s: %s", host, shown);
    return SINK_FAILED;
}
