#!/usr/bin/python3
"""Writes the shells' completions from the programs' own --help, which is made from their tables of options.

conf/share/completions/ holds what it writes, so that whoever installs needs neither Python nor to run a
program that may be another machine's. `--check` writes nothing and fails where a file is not what it would
write: an option was added, and `make completions` was not run.
"""

import argparse
import collections
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "conf/share/completions")
PROGRAMS = ("relaywarden-milter", "relaywarden-probe")
MADE = "Made from --help by `make completions`; changes here are lost."

Option = collections.namedtuple("Option", "names value optional text")
Verb = collections.namedtuple("Verb", "name arguments text options")

ROW = re.compile(r"  (--?[a-zA-Z-]+)(?:, (-[a-zA-Z]))?(?: ([A-Z][A-Z=/-]*|[a-z]+(?:\|[a-z]+)+)|\[=([A-Z]+)\])?"
                 r"(?: +(\S.*))?$")


def help_of(program, *verb):
    return subprocess.run([program, *verb, "--help"], check=True, capture_output=True, text=True).stdout


def options_in(text):
    """The lines of --help that begin with a dash; a text of several lines is one."""
    found = []
    for line in text.splitlines():
        row = ROW.match(line)
        if row:
            name, letter, value, optional, words = row.groups()
            found.append(Option([name] + [letter] * bool(letter), value or optional or "", bool(optional),
                                words or ""))
        elif found and re.match(r" {12,}\S", line):
            found[-1] = found[-1]._replace(text=f"{found[-1].text} {line.strip()}".strip())
        elif not line.startswith(" " * 12):
            if found and not line:
                break
    return found


def read(build, name):
    """The program's options without a verb, and its verbs."""
    program = os.path.join(build, name)
    text = help_of(program)
    verbs = []
    for word, arguments, summary in re.findall(r"(?m)^  ([a-z][a-z-]*)(.*)\n +(.*)$", text):
        if name == "relaywarden-probe":
            verbs.append(Verb(word, arguments.strip(), summary, options_in(help_of(program, word))))
    return options_in(text), verbs


def words_of(options):
    return " ".join(name for option in options for name in option.names)


# ---- bash ----

BASH = r'''
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
'''


def bash_function(name, rows):
    lines = [f"_relaywarden_{name}() {{", "    case $1 in"]
    lines += [f"    {pattern!r}) echo {words!r} ;;" for pattern, words in rows if words]
    return "\n".join([*lines, "    esac", "}", ""])


def bash(read_programs):
    verbs, options, values, arguments = [], [], {}, []
    for name, (general, named) in read_programs.items():
        verbs.append((name, " ".join(verb.name for verb in named)))
        options.append((f"{name} ", words_of(general)))
        for option in general + [option for verb in named for option in verb.options]:
            if option.value and not option.optional:
                values.update({f"{name} {word}": option.value for word in option.names})
        for verb in named:
            options.append((f"{name} {verb.name}", words_of(verb.options)))
            arguments.append((f"{name} {verb.name}", verb.arguments))
    return "\n".join([
        f"# bash completion for relaywarden-milter and relaywarden-probe\n#\n# {MADE}\n",
        "# Each by the program's name; the last three with the verb or the option behind it.",
        bash_function("verbs", verbs), bash_function("options", options),
        bash_function("value", values.items()), bash_function("arguments", arguments)]) + BASH


# ---- zsh ----

ZSH_ACTIONS = (("FILE", ":file:_files"), ("DIRECTORY", ":directory:_files -/"),
               ("TARGET", ":target:_relaywarden_targets"))

ZSH = r'''
_relaywarden_targets() {
    local file=/etc/relaywarden/relaywarden.conf i
    for ((i = 1; i < CURRENT; i++)); do
        [[ ${words[i]} = --config ]] && file=${words[i + 1]}
    done
    local -a titles
    titles=(${(f)"$(sed -n 's/^[[:space:]]*target[[:space:]]*["'\'']\([^"'\'']*\)["'\''].*/\1/p' $file 2>/dev/null)"})
    compadd -a titles
}
'''


def zsh_text(text):
    return re.sub(r"([\[\]:\\'])", r"\\\1", text).replace("\\'", "'\\''")


def zsh_action(value):
    for word, action in ZSH_ACTIONS:
        if word in value:
            return action
    if "|" in value:
        return f":word:({value.replace('|', ' ')})"
    return f":{value.lower()}: " if value else ""


def zsh_specs(options):
    for option in options:
        for name in option.names:
            equals = "=-" if option.optional else ""
            action = zsh_action(option.value)
            if option.optional:
                action = f":{action}"
            yield f"'{name}{equals}[{zsh_text(option.text)}]{action}'"


def zsh_case(name, verb, options):
    rest = f"'*{zsh_action(verb.arguments)}'" if verb and verb.arguments else ""
    specs = [*zsh_specs(options), *([rest] if rest else [])]
    pattern = f"'{name} {verb.name if verb else ''}'"
    return "\n".join([f"    {pattern})", "        _arguments \\",
                      " \\\n".join(f"            {spec}" for spec in specs), "        ;;"])


def zsh(read_programs):
    lines = ["#compdef relaywarden-milter relaywarden-probe", "#", f"# {MADE}", ZSH,
             "_relaywarden() {", "    local program=${words[1]:t} verb= word", "    local -a verbs"]
    for name, (_, verbs) in read_programs.items():
        if verbs:
            lines += [f"    if [[ $program = {name} ]]; then", "        verbs=("]
            lines += [f"            '{verb.name}:{zsh_text(verb.text)}'" for verb in verbs]
            lines += ["        )", "    fi"]
    lines += ["    for word in ${words[2,CURRENT-1]}; do",
              "        if [[ -n ${(M)verbs:#$word:*} ]]; then", "            verb=$word", "            break",
              "        fi", "    done",
              "    if [[ -z $verb && $#verbs -gt 0 && $PREFIX != -* ]]; then",
              "        _describe verb verbs", "        return", "    fi",
              "    case \"$program $verb\" in"]
    for name, (general, verbs) in read_programs.items():
        lines.append(zsh_case(name, None, general))
        lines += [zsh_case(name, verb, verb.options) for verb in verbs]
    return "\n".join([*lines, "    esac", "}", "", "_relaywarden \"$@\"", ""])


# ---- fish ----

def fish_quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_option(name, condition, option):
    parts = [f"complete -c {name}"]
    if condition:
        parts.append(f"-n {fish_quote(condition)}")
    for word in option.names:
        parts.append(f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}")
    if option.value and not option.optional:
        parts.append("-r")
        if "FILE" in option.value:
            parts.append("-F")
        elif "DIRECTORY" in option.value:
            parts.append("-f -a '(__fish_complete_directories)'")
        elif "|" in option.value:
            parts.append(f"-f -a {fish_quote(option.value.replace('|', ' '))}")
        else:
            parts.append("-f")
    return " ".join([*parts, f"-d {fish_quote(option.text)}"])


FISH_TARGETS = r'''function __relaywarden_targets
    set -l file /etc/relaywarden/relaywarden.conf
    set -l words (commandline -opc)
    if set -l place (contains -i -- --config $words)
        set file $words[(math $place + 1)]
    end
    sed -n 's/^[[:space:]]*target[[:space:]]*["\']\([^"\']*\)["\'].*/\1/p' $file 2>/dev/null
end
'''


def fish(name, general, verbs):
    lines = [f"# fish completion for {name}", "#", f"# {MADE}", "", f"complete -c {name} -f"]
    if not verbs:
        return "\n".join([*lines, *(fish_option(name, "", option) for option in general), ""])
    lines.insert(4, FISH_TARGETS)
    names = " ".join(verb.name for verb in verbs)
    for verb in verbs:
        lines.append(f"complete -c {name} -n {fish_quote(f'not __fish_seen_subcommand_from {names}')} "
                     f"-a {verb.name} -d {fish_quote(verb.text)}")
    for option in general:
        lines.append(fish_option(name, f"not __fish_seen_subcommand_from {names}", option))
    for verb in verbs:
        seen = f"__fish_seen_subcommand_from {verb.name}"
        if "TARGET" in verb.arguments:
            lines.append(f"complete -c {name} -n {fish_quote(seen)} -a '(__relaywarden_targets)'")
        elif "FILE" in verb.arguments:
            lines.append(f"complete -c {name} -n {fish_quote(seen)} -F")
        lines += [fish_option(name, seen, option) for option in verb.options]
    return "\n".join([*lines, ""])


# ---- all ----


def made(build):
    """Every file's name and text."""
    programs = {name: read(build, name) for name in PROGRAMS}
    return {"relaywarden.bash": bash(programs), "_relaywarden": zsh(programs),
            **{f"{name}.fish": fish(name, *programs[name]) for name in PROGRAMS}}


def main():
    parser = argparse.ArgumentParser(description="Writes the shells' completions from --help.")
    parser.add_argument("--build", default=os.path.join(ROOT, "build/gcc"), help="where the programs are")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is another")
    options = parser.parse_args()
    stale = 0
    for name, text in made(options.build).items():
        path = os.path.join(FOLDER, name)
        before = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                before = file.read()
        if before != text and options.check:
            print(f"conf/share/completions/{name} is not what --help says; run make completions")
            stale = 1
        elif before != text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    return stale


if __name__ == "__main__":
    sys.exit(main())
