#include "probe/http/probe_pages.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/report/history_json.h"
#include "probe/report/page/page.h"

#define ENDPOINT_PATH "/endpoint/"
#define TARGET_SIZE   256

struct probe_pages {
    struct metrics_state *standing;
    const struct reporter *reporter;
    const struct health *health;
    struct probe_pages_reader read;

    pthread_mutex_t mutex; /* guards conf */
    struct conf *conf;
};

/* ---- life -------------------------------------------------------------------------------- */

struct probe_pages *probe_pages_new(const struct health *health)
{
    struct probe_pages *pages = calloc(1, sizeof(*pages));

    if (pages != NULL) {
        pthread_mutex_init(&pages->mutex, NULL);
        pages->health = health;
    }
    return pages;
}

void probe_pages_use(struct probe_pages *pages, struct metrics_state *standing,
                     const struct reporter *reporter, const struct probe_pages_reader *read)
{
    pages->read = *read;
    pages->standing = standing;
    pages->reporter = reporter;
}

void probe_pages_free(struct probe_pages *pages)
{
    if (pages == NULL) {
        return;
    }
    conf_free(pages->conf);
    pthread_mutex_destroy(&pages->mutex);
    free(pages);
}

void probe_pages_configure(struct probe_pages *pages, struct conf *conf)
{
    pthread_mutex_lock(&pages->mutex);
    struct conf *before = pages->conf;
    pages->conf = conf_hold(conf);
    pthread_mutex_unlock(&pages->mutex);
    conf_free(before);
}

/* For conf_free. */
static struct conf *hold(struct probe_pages *pages)
{
    pthread_mutex_lock(&pages->mutex);
    struct conf *conf = conf_hold(pages->conf);
    pthread_mutex_unlock(&pages->mutex);
    return conf;
}

/* ---- metrics ----------------------------------------------------------------------------- */

/* Frees them. */
static enum http_status write_metrics(struct metrics *metrics, FILE *out)
{
    size_t length = 0;
    const char *text = metrics != NULL ? metrics_text(metrics, &length) : NULL;
    enum http_status status = HTTP_OK;

    if (text != NULL) {
        (void)fwrite(text, 1, length, out);
    } else {
        fputs("Memory is out.\n", out);
        status = HTTP_UNAVAILABLE;
    }
    metrics_free(metrics);
    return status;
}

static enum http_status answer_metrics(const struct http_request *request, FILE *out, void *user)
{
    const struct probe_pages *pages = user;

    (void)request;
    return write_metrics(reporter_numbers(pages->reporter), out);
}

/* Nobody may have a host asked that the operator did not name, so no audit begins here either. */
static enum http_status answer_probe(const struct http_request *request, FILE *out, void *user)
{
    const struct probe_pages *pages = user;
    char target[TARGET_SIZE];

    if (!http_request_parameter(request, "target", target, sizeof(target))) {
        fputs(
            "A target is missing: /probe?target=NAME, NAME being a target of the configuration.\n",
            out);
        return HTTP_BAD_REQUEST;
    }
    struct metrics *metrics = pages->standing != NULL ? metrics_new() : NULL;
    if (metrics != NULL && !metrics_state_show_target(metrics, pages->standing, target)) {
        metrics_free(metrics);
        fputs("No target of the configuration has this name. relaywarden-probe audits configured "
              "targets alone, by their interval, and starts none for a scrape.\n",
              out);
        return HTTP_BAD_REQUEST;
    }
    return write_metrics(metrics, out);
}

/* ---- pages ------------------------------------------------------------------------------- */

/* Shows it, or what was asked of it. Where memory was out, the stream has failed, and what was
 * written is not sent. */
typedef enum http_status (*show_history)(FILE *out, const struct history *history,
                                         const struct page_look *look, const char *asked);

static enum http_status answer_from_history(struct probe_pages *pages, FILE *out, show_history show,
                                            const char *asked)
{
    struct conf *conf = hold(pages);
    char error[HISTORY_ERROR_SIZE];
    struct history *history = asked != NULL && pages->read.one != NULL
                                  ? pages->read.one(conf, time(NULL), asked, error)
                                  : pages->read.all(conf, time(NULL), error);
    const struct page_look look = {.site = site_main_domain(conf->site), .served = true};
    enum http_status status = HTTP_UNAVAILABLE;

    if (history == NULL) {
        fprintf(out, "%s\n", error);
    } else {
        status = show(out, history, &look, asked);
    }
    history_free(history);
    conf_free(conf);
    return status;
}

static enum http_status whole(bool written)
{
    return written ? HTTP_OK : HTTP_SERVER_ERROR;
}

static enum http_status show_page(FILE *out, const struct history *history,
                                  const struct page_look *look, const char *asked)
{
    (void)asked;
    return whole(page_write(out, history, NULL, look));
}

static enum http_status show_endpoints(FILE *out, const struct history *history,
                                       const struct page_look *look, const char *asked)
{
    (void)look;
    (void)asked;
    return whole(history_json_endpoints(out, history));
}

static enum http_status show_incidents(FILE *out, const struct history *history,
                                       const struct page_look *look, const char *asked)
{
    (void)look;
    (void)asked;
    return whole(history_json_incidents(out, history));
}

static enum http_status answer_page(const struct http_request *request, FILE *out, void *user)
{
    (void)request;
    return answer_from_history(user, out, show_page, NULL);
}

static enum http_status answer_endpoints(const struct http_request *request, FILE *out, void *user)
{
    (void)request;
    return answer_from_history(user, out, show_endpoints, NULL);
}

static enum http_status answer_incidents(const struct http_request *request, FILE *out, void *user)
{
    (void)request;
    return answer_from_history(user, out, show_incidents, NULL);
}

static enum http_status show_endpoint(FILE *out, const struct history *history,
                                      const struct page_look *look, const char *asked)
{
    const struct history_endpoint *endpoint = history_find(history, asked);

    if (endpoint == NULL) {
        fputs("No endpoint has this key. The page at / links to each.\n", out);
        return HTTP_NOT_FOUND;
    }
    return whole(page_write_endpoint(out, history, endpoint, look));
}

static enum http_status answer_endpoint(const struct http_request *request, FILE *out, void *user)
{
    return answer_from_history(user, out, show_endpoint, request->path + strlen(ENDPOINT_PATH));
}

/* ---- health ------------------------------------------------------------------------------ */

static enum http_status answer_health(const struct http_request *request, FILE *out, void *user)
{
    const struct probe_pages *pages = user;

    (void)request;
    return health_tell(pages->health, out) ? HTTP_OK : HTTP_UNAVAILABLE;
}

static enum http_status answer_readiness(const struct http_request *request, FILE *out, void *user)
{
    const struct probe_pages *pages = user;

    (void)request;
    return health_tell_readiness(pages->health, out) ? HTTP_OK : HTTP_UNAVAILABLE;
}

const struct http_route probe_routes[] = {
    {.path = "/",
     .slow = true,
     .type = HTTP_TYPE_HTML,
     .script = PAGE_SCRIPT,
     .answer = answer_page},
    {.path = ENDPOINT_PATH,
     .prefix = true,
     .slow = true,
     .type = HTTP_TYPE_HTML,
     .answer = answer_endpoint},
    {.path = "/metrics", .type = HTTP_TYPE_METRICS, .answer = answer_metrics},
    {.path = "/probe", .asks = true, .type = HTTP_TYPE_METRICS, .answer = answer_probe},
    {.path = "/api/v1/endpoints", .slow = true, .type = HTTP_TYPE_JSON, .answer = answer_endpoints},
    {.path = "/api/v1/incidents", .slow = true, .type = HTTP_TYPE_JSON, .answer = answer_incidents},
    {.path = "/-/healthy", .quick = true, .type = HTTP_TYPE_TEXT, .answer = answer_health},
    {.path = "/-/ready", .quick = true, .type = HTTP_TYPE_TEXT, .answer = answer_readiness},
    {.path = NULL},
};
