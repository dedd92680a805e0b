#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "probe/rehearse/exim/acl_trace.h"

/* Of Exim 4.96, shortened: a network in a named list, twice, and a sender in a file. */
static const char session[] =
    "14704 SMTP<< RCPT TO:<c@example.com>\n"
    "14704 using ACL \"acl_r\"\n"
    "14704 processing \"accept\" (/etc/exim4/exim.conf 10)\n"
    "14704 check hosts = :\n"
    "14704 host in \":\"? no (end of list)\n"
    "14704 accept: condition test failed in ACL \"acl_r\"\n"
    "14704 processing \"accept\" (/etc/exim4/exim.conf 11)\n"
    "14704 check hosts = +relay_from_hosts\n"
    "14704 internal_search_find: file=\"/etc/exim4/relays\"\n"
    "14704   type=iplsearch key=\"198.51.100.7\" opts=NULL\n"
    "14704 lookup yielded: y\n"
    "14704 host in \"127.0.0.1 : net-iplsearch;/etc/exim4/relays\"? yes (matched "
    "\"net-iplsearch;/etc/exim4/relays\")\n"
    "14704 host in \"+relay_from_hosts\"? yes (matched \"+relay_from_hosts\")\n"
    "14704 check domains = example.com\n"
    "14704 example.com in \"example.com\"? no (end of list)\n"
    "14704 accept: condition test failed in ACL \"acl_r\"\n"
    "14704 end of ACL \"acl_r\": implicit DENY\n"
    "14704 SMTP>> 550 relay not permitted\n"
    "14704 SMTP<< RCPT TO:<c@outside.example.net>\n"
    "14704 using ACL \"acl_r\"\n"
    "14704 processing \"accept\" (/etc/exim4/exim.conf 11)\n"
    "14704 check hosts = +relay_from_hosts\n"
    "14704 cached yes match for +relay_from_hosts\n"
    "14704 host in \"+relay_from_hosts\"? yes (matched \"+relay_from_hosts\" - cached)\n"
    "14704 check acl = acl_f\n"
    "14704  using ACL \"acl_f\"\n"
    "14704  processing \"accept\" (/etc/exim4/exim.conf 19)\n"
    "14704  check senders = /etc/exim4/senders\n"
    "14704  x@f.test in \"/etc/exim4/senders\"? yes (matched \"*@f.test\" in /etc/exim4/senders)\n"
    "14704 unpercent router generated u@outside.example.net\n"
    "14704  accept: condition test succeeded in ACL \"acl_f\"\n"
    "14704  end of ACL \"acl_f\": ACCEPT\n"
    "14704 accept: condition test succeeded in ACL \"acl_r\"\n"
    "14704 end of ACL \"acl_r\": ACCEPT\n"
    "14704 SMTP>> 250 Accepted\n";

static const struct acl_fact *fact(const struct acl_trace *trace, size_t statement,
                                   enum acl_fact_kind kind, const char *item)
{
    for (size_t i = 0; i < trace->fact_count; i++) {
        if (trace->facts[i].statement == statement && trace->facts[i].kind == kind &&
            strcmp(trace->facts[i].item, item) == 0) {
            return &trace->facts[i];
        }
    }
    fail_msg("no fact of %s", item);
    return NULL;
}

static void a_trace_names_statements_and_what_matched_in_them(void **state)
{
    (void)state;
    struct acl_trace trace;

    assert_true(acl_trace_read(session, strlen(session), "c@outside.example.net", &trace));
    assert_int_equal(trace.first, 2);
    assert_int_equal(trace.end, 4);
    assert_string_equal(trace.statements[2].verb, "accept");
    assert_string_equal(trace.statements[2].path, "/etc/exim4/exim.conf");
    assert_int_equal(trace.statements[2].line, 11);
    assert_int_equal(trace.statements[2].result, ACL_SUCCEEDED);
    assert_int_equal(trace.statements[3].line, 19);
    assert_int_equal(trace.statements[3].result, ACL_SUCCEEDED);
    assert_int_equal(trace.statements[1].result, ACL_FAILED);
    assert_string_equal(fact(&trace, 3, ACL_MATCH, "*@f.test")->file, "/etc/exim4/senders");
    (void)fact(&trace, 3, ACL_ROUTER, "unpercent");
    acl_trace_free(&trace);
}

static void a_list_that_was_matched_before_is_remembered(void **state)
{
    (void)state;
    struct acl_trace trace;

    assert_true(acl_trace_read(session, strlen(session), "c@outside.example.net", &trace));
    (void)fact(&trace, 2, ACL_MATCH, "net-iplsearch;/etc/exim4/relays");
    const struct acl_fact *lookup = fact(&trace, 2, ACL_LOOKUP, "198.51.100.7");
    assert_string_equal(lookup->file, "/etc/exim4/relays");
    assert_string_equal(lookup->type, "iplsearch");
    acl_trace_free(&trace);
}

static void a_recipient_that_was_refused_has_no_trace(void **state)
{
    (void)state;
    struct acl_trace trace;

    assert_false(acl_trace_read(session, strlen(session), "c@example.com", &trace));
    assert_false(acl_trace_read("", 0, "c@example.com", &trace));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_names_statements_and_what_matched_in_them),
        cmocka_unit_test(a_list_that_was_matched_before_is_remembered),
        cmocka_unit_test(a_recipient_that_was_refused_has_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
