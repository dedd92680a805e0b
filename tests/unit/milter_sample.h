/*
 * milter_sample - what the tests of the milter share: a configuration
 *
 * Fails the running test when it cannot do its work.
 */
#ifndef RELAYWARDEN_TESTS_UNIT_MILTER_SAMPLE_H
#define RELAYWARDEN_TESTS_UNIT_MILTER_SAMPLE_H

#include "conf/conf.h"

/* example.org, which trusts 192.0.2.0/28 and the certificate partner.example.org; own mailers are
 * the default ones. The caller frees it. */
struct conf *milter_sample_conf(void);

#endif
