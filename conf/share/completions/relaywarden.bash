# bash completion for relaywarden-milter and relaywarden-probe
#
# Made from --help by `make completions`; changes here are lost.

# Each by the program's name; the last three with the verb or the option behind it.
_relaywarden_verbs() {
    case $1 in
    'relaywarden-probe') echo 'check init run rehearse report recipe receive techniques keygen alert-test fleet' ;;
    esac
}

_relaywarden_options() {
    case $1 in
    'relaywarden-milter ') echo '--config -t --discover --masked --unmask --alert-test --help -h --version -V' ;;
    'relaywarden-probe ') echo '--config --json --format --color --verbose -v --quiet --wait --domain --trusted --canary --mta --as --address --gateway --tables --reach --no-blame --target --site --record --maildir --key --copy --html --text --milter -t --help -h --version -V' ;;
    'relaywarden-probe check') echo '--config --json --format --color --verbose -v --quiet --wait --domain --trusted --canary --record -t --help -h --version -V' ;;
    'relaywarden-probe init') echo '--config --json --domain --trusted --canary --target --site -t --help -h --version -V' ;;
    'relaywarden-probe run') echo '--config --json -t --help -h --version -V' ;;
    'relaywarden-probe rehearse') echo '--config --json --format --domain --trusted --canary --mta --as --address --gateway --tables --reach --no-blame -t --help -h --version -V' ;;
    'relaywarden-probe report') echo '--config --json --html --text --milter -t --help -h --version -V' ;;
    'relaywarden-probe recipe') echo '--config --json -t --help -h --version -V' ;;
    'relaywarden-probe receive') echo '--config --json --record --maildir --key --copy -t --help -h --version -V' ;;
    'relaywarden-probe techniques') echo '--config --json -t --help -h --version -V' ;;
    'relaywarden-probe keygen') echo '--config --json -t --help -h --version -V' ;;
    'relaywarden-probe alert-test') echo '--config --json -t --help -h --version -V' ;;
    'relaywarden-probe fleet') echo '--config --json -t --help -h --version -V' ;;
    esac
}

_relaywarden_value() {
    case $1 in
    'relaywarden-milter --config') echo 'FILE' ;;
    'relaywarden-milter --unmask') echo 'ADDRESS' ;;
    'relaywarden-probe --config') echo 'FILE' ;;
    'relaywarden-probe --format') echo 'text|json|junit|sarif' ;;
    'relaywarden-probe --color') echo 'auto|always|never' ;;
    'relaywarden-probe --wait') echo 'DURATION' ;;
    'relaywarden-probe --domain') echo 'NAME' ;;
    'relaywarden-probe --trusted') echo 'NETWORK' ;;
    'relaywarden-probe --canary') echo 'ADDRESS' ;;
    'relaywarden-probe --mta') echo 'auto|postfix|exim|sendmail' ;;
    'relaywarden-probe --as') echo 'DIRECTORY' ;;
    'relaywarden-probe --address') echo 'IF=ADDRESS/LENGTH' ;;
    'relaywarden-probe --gateway') echo 'ADDRESS' ;;
    'relaywarden-probe --tables') echo 'FILE' ;;
    'relaywarden-probe --reach') echo 'SOCKET' ;;
    'relaywarden-probe --target') echo 'TARGET' ;;
    'relaywarden-probe --site') echo 'FILE' ;;
    'relaywarden-probe --record') echo 'FILE' ;;
    'relaywarden-probe --maildir') echo 'DIRECTORY' ;;
    'relaywarden-probe --key') echo 'FILE' ;;
    'relaywarden-probe --html') echo 'FILE' ;;
    'relaywarden-probe --milter') echo 'FILE' ;;
    esac
}

_relaywarden_arguments() {
    case $1 in
    'relaywarden-probe check') echo '[TARGET ...]' ;;
    'relaywarden-probe init') echo '[FILE]' ;;
    'relaywarden-probe rehearse') echo '[DIRECTORY]' ;;
    'relaywarden-probe recipe') echo 'TARGET [TECHNIQUE ...]' ;;
    'relaywarden-probe keygen') echo 'FILE' ;;
    'relaywarden-probe fleet') echo 'migrate|sync|import|status|retire VANTAGE' ;;
    esac
}

# Titles of the targets in the configuration that the command line names, or the usual one.
_relaywarden_targets() {
    local file=/etc/relaywarden/relaywarden.conf i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [ "${COMP_WORDS[i]}" = --config ] && file=${COMP_WORDS[i + 1]}
    done
    sed -n 's/^[[:space:]]*target[[:space:]]*["'\'']\([^"'\'']*\)["'\''].*/\1/p' "$file" 2>/dev/null
}

# Offers what fits a value or an argument of this kind: FILE, DIRECTORY, TARGET, words, or nothing.
_relaywarden_offer() {
    case $1 in
    *TARGET*) mapfile -t COMPREPLY < <(compgen -W "$(_relaywarden_targets)" -- "$2") ;;
    *DIRECTORY*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$2")
        ;;
    *FILE*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$2")
        ;;
    [a-z]*) mapfile -t COMPREPLY < <(compgen -W "${1//|/ }" -- "$2") ;;
    esac
}

_relaywarden() {
    local program=${1##*/} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local verb='' verbs value i
    COMPREPLY=()

    verbs=$(_relaywarden_verbs "$program")
    for ((i = 1; i < COMP_CWORD; i++)); do
        case " $verbs " in
        *" ${COMP_WORDS[i]} "*)
            verb=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    value=$(_relaywarden_value "$program $before")
    if [ -n "$value" ]; then
        _relaywarden_offer "$value" "$word"
        return
    fi
    case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W "$(_relaywarden_options "$program $verb")" -- "$word") ;;
    *)
        if [ -z "$verb" ]; then
            mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word")
        else
            _relaywarden_offer "$(_relaywarden_arguments "$program $verb")" "$word"
        fi
        ;;
    esac
}

complete -F _relaywarden relaywarden-milter relaywarden-probe
