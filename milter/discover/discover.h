/*
 * discover - reads from the MTA what it takes as its own, and prints it for the operator to adopt
 *
 * For a person to read. Neither program ever reads its yardstick from the MTA: what the MTA
 * believes is what is being audited. Asks postconf(1) and postmap(1), or sendmail's address test
 * mode and makemap(8); changes nothing. One thread.
 */
#ifndef RELAYWARDEN_MILTER_DISCOVER_DISCOVER_H
#define RELAYWARDEN_MILTER_DISCOVER_DISCOVER_H

/* `where`: Postfix's configuration directory, or the file sendmail.cf; NULL: the Postfix that
 * postconf finds (the environment's MAIL_CONFIG counts), else /etc/mail/sendmail.cf. Prints to
 * standard output; returns the exit code, having said on standard error what failed. Without any
 * domain what is known is printed all the same, with notes that say why, and the code is
 * EX_DATAERR: nobody can adopt it as it is. */
int discover(const char *where);

#endif
