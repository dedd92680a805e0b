# fish completion for relaywarden-milter
#
# Made from --help by `make completions`; changes here are lost.

complete -c relaywarden-milter -f
complete -c relaywarden-milter -l config -r -F -d 'instead of /etc/relaywarden/relaywarden.conf'
complete -c relaywarden-milter -s t -d 'check the configuration and exit'
complete -c relaywarden-milter -l discover -d 'print what the MTA takes as its own, for you to read and adopt; PATH is Postfix\'s configuration directory or a sendmail.cf'
complete -c relaywarden-milter -l masked -d 'list the masked addresses: trusted, but strangers were seen under them'
complete -c relaywarden-milter -l unmask -r -f -d 'let an address be trusted again'
complete -c relaywarden-milter -l alert-test -d 'send one alert, marked as a test, through every sink, and say of each whether it was taken'
complete -c relaywarden-milter -l help -s h -d 'show this text and exit'
complete -c relaywarden-milter -l version -s V -d 'show the version and exit'
