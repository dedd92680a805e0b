# bash completion for relaywarden-milter and relaywarden-probe
#
# Verbs and options are taken from the program's own --help, target names from the configuration:
# what is offered is what the installed version understands.

# The words of --help's two-column lines: "  --config FILE   ..." and "  check [--quiet] [TARGET ...]".
_relaywarden_help() {
    "$1" --help 2>/dev/null
}

# What the option $2 of the program $1 wants to be followed by: FILE, DURATION, ADDRESS or nothing.
_relaywarden_value() {
    _relaywarden_help "$1" |
        sed -n "s/^\(.*[[ ]\)\{0,1\}$2[ =]\([A-Z][A-Z-]*\).*/\2/p" | head -n 1
}

_relaywarden_verbs() {
    _relaywarden_help "$1" | sed -n 's/^  \([a-z][a-z-]*\).*/\1/p'
}

# Options that stand in lines of their own, and those that the verb $2 alone has.
_relaywarden_options() {
    {
        _relaywarden_help "$1" | sed -n 's/^  \(-[-a-z]*\).*/\1/p'
        [ -z "$2" ] || _relaywarden_help "$1" | sed -n "s/^  $2 //p" | grep -o -e '--[a-z-]*'
        printf '%s\n' --help --version
    } | sort -u
}

# What the verb $2 takes beside options: FILE, [TARGET ...] or nothing.
_relaywarden_arguments() {
    [ -n "$2" ] || return 0
    _relaywarden_help "$1" | sed -n "s/^  $2 //p" | sed 's/\[--[^]]*\]//g'
}

# Titles of the targets in the configuration that the command line names, or the usual one.
_relaywarden_targets() {
    local file=/etc/relaywarden/relaywarden.conf i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [ "${COMP_WORDS[i]}" = --config ] && file=${COMP_WORDS[i + 1]}
    done
    sed -n 's/^[[:space:]]*target[[:space:]]*["'\'']\([^"'\'']*\)["'\''].*/\1/p' "$file" 2>/dev/null
}

_relaywarden() {
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local verb='' value='' i verbs
    COMPREPLY=()

    case $before in
    --*) value=$(_relaywarden_value "$program" "$before") ;;
    esac
    case $value in
    FILE | DIR*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    ?*) return ;;
    esac

    verbs=$(_relaywarden_verbs "$program")
    for ((i = 1; i < COMP_CWORD; i++)); do
        case " ${verbs//$'\n'/ } " in
        *" ${COMP_WORDS[i]} "*)
            verb=${COMP_WORDS[i]}
            break
            ;;
        esac
    done

    case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W "$(_relaywarden_options "$program" "$verb")" -- "$word") ;;
    *)
        if [ -z "$verb" ] && [ -n "$verbs" ]; then
            mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word")
            return
        fi
        case $(_relaywarden_arguments "$program" "$verb") in
        *FILE*)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            ;;
        *TARGET*) mapfile -t COMPREPLY < <(compgen -W "$(_relaywarden_targets)" -- "$word") ;;
        esac
        ;;
    esac
}

complete -F _relaywarden relaywarden-milter relaywarden-probe
