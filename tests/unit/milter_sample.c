#include "tests/unit/milter_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_try.h"

struct conf *milter_sample_conf(void)
{
    struct conf_try attempt;

    conf_try_begin(&attempt);
    conf_try_load(&attempt,
                  "site {\n"
                  "  domains = { \"example.org\" }\n"
                  "  trusted_networks = { \"192.0.2.0/28\" }\n"
                  "  client_certificates = { \"partner.example.org\" }\n"
                  "}\n",
                  CONF_MILTER);
    conf_try_expect_count(&attempt, 0);
    struct conf *conf = attempt.conf;
    attempt.conf = NULL;
    conf_try_end(&attempt);
    return conf;
}
