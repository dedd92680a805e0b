"""Small changes to a C file, each of which a test should notice.

A mutant is one change of one place. Those that say more are taken, those that they imply are left out:
where `a && b` without `a`, without `b`, and never true are each noticed, `a || b` is noticed as well.

    if (a && b)     without a; without b; never
    if (a < b)      always; never; a <= b
    x = a == b      x = a != b
    return f(x);    return true; return false (in a function that returns bool)
    for (i < n)     the last one is left out; no one is looked at
    call(x);  x = y;  break;      left out
    7, 'a', true, CAUSE_NONE      8, 'b', false, the enumeration's next
    "OK"            "O"
    strcasecmp      strcmp, and so on; memcmp(a, b, n) over half of it
    {row}, in a table             left out

Sentences for people are no mutants, nor is the size of an array, nor what takes or frees memory: the
sanitizers and valgrind watch that.
"""

import collections
import re

TOKEN = re.compile(r"""
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<char>'(?:\\.|[^'\\\n])+')
  | (?P<number>(?:0[xX][0-9a-fA-F]+|\d+)(?:\.\d+)?[uUlL]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<sign><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\s\w])
""", re.VERBOSE | re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|/\*.*?\*/|[^\n])*", re.MULTILINE | re.DOTALL)
DEFINE = re.compile(r"\s*#\s*define\s+\w+\s")

Token = collections.namedtuple("Token", "kind text start end")
# Where a change is, in words that outlive a change elsewhere, and the (start, end, text) it makes.
Mutant = collections.namedtuple("Mutant", "file line text change edits")

OPEN, CLOSE = "([{", ")]}"
CONTROL = ("if", "while", "for", "switch")
TYPES = ("bool", "char", "const", "double", "enum", "extern", "float", "int", "long", "register", "short",
         "signed", "static", "struct", "typedef", "union", "unsigned", "void", "volatile")
KEYWORDS = (*TYPES, *CONTROL, "case", "default", "do", "else", "goto", "return", "sizeof")
# An operand of && and || ends there, and so does a condition before `?`.
LOOSE = (",", ";", "?", ":", "=", "+=", "-=", "|=", "&=", "*=", "/=", "%=", "^=", "<<=", ">>=", "return",
         "case", "{", "}")
COMPARISONS = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
BORDERS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
FUNCTIONS = {"strcasecmp": "strcmp", "strncasecmp": "strncmp", "strcasestr": "strstr",
             "strcmp": "strcasecmp", "strncmp": "strncasecmp", "strstr": "strcasestr"}
OF_LENGTH = ("memcmp", "strncmp", "strncasecmp", "token_same", "CRYPTO_memcmp")
ARITHMETIC = {"+": "-", "-": "+", "+=": "-=", "-=": "+=", "<<": ">>", ">>": "<<", "|": "&", "&": "|"}
TRUTH = {"true": "1", "false": "0"}  # not every file includes stdbool.h
# Nobody sees from outside that one of these is missing; other stages do.
UNSEEN = re.compile(r"(free|\w+_free|pthread_\w+|\w+_wipe|va_start|va_end|close|fclose|assert)$")
NOT_JUDGING = ("static_assert", "_Static_assert", "__attribute__", "sizeof", "malloc", "calloc", "realloc")
PROSE = ("finding_why", "finding_fix", "raise_note", "snprintf", "fprintf", "printf")
WORD_MAX = 40  # a longer string is a sentence
SHOWN_MAX = 60


def enumerations(texts):
    """The neighbour of each enumeration constant that the texts declare."""
    neighbours = {}
    for text in texts:
        bare = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
        for body in re.findall(r"\benum\b[^{};()]*\{([^}]*)\}", bare):
            names = re.findall(r"(?:^|,)\s*([A-Z]\w*)", body)
            names = [name for name in names if not name.endswith("_COUNT")]
            for name, following in zip(names, names[1:] + names[-2:-1]):
                neighbours[name] = following
    return neighbours


def tokens_of(text):
    """The file's tokens without comments; a directive is one token."""
    found, at = [], 0
    while at < len(text):
        directive = DIRECTIVE.match(text, at) if at == 0 or text[at - 1] == "\n" else None
        if directive:
            found.append(Token("directive", directive.group(), at, directive.end()))
            at = directive.end()
            continue
        token = TOKEN.match(text, at)
        if token is None:
            at += 1
            continue
        if token.lastgroup != "comment":
            found.append(Token(token.lastgroup, token.group(), at, token.end()))
        at = token.end()
    return found


class Source:
    """One C file, and what each of its tokens is part of."""

    def __init__(self, file, text, neighbours):
        self.file, self.text, self.neighbours = file, text, neighbours
        self.tokens = tokens_of(text)
        self.partner, self.around = self._partners()
        self.blocks = {}  # index of a `{`: "function", "block" or "values"
        self.functions = []  # (first, last, whether it returns bool)
        self._see_blocks()
        self.weighed = []  # spans in which a comparison is weighed as part of a condition
        self.mutants = []
        self._counts = collections.Counter()

    # ---- reading ----

    def _partners(self):
        """The other end of each bracket, and the bracket in which each token stands."""
        partner, around, opened = {}, [], []
        for index, token in enumerate(self.tokens):
            if token.kind == "sign" and token.text in CLOSE and opened:
                partner[index] = opened.pop()
                partner[partner[index]] = index
            around.append(opened[-1] if opened else None)
            if token.kind == "sign" and token.text in OPEN:
                opened.append(index)
        return partner, around

    def is_(self, index, *texts):
        return 0 <= index < len(self.tokens) and self.tokens[index].text in texts

    def kind(self, index):
        return self.tokens[index].kind if 0 <= index < len(self.tokens) else None

    def _is_control(self, closing):
        """Whether this `)` ends what an if, while, for or switch is about."""
        return self.is_(closing, ")") and closing in self.partner and self.is_(
            self.partner[closing] - 1, *CONTROL)

    def _see_blocks(self):
        end = -1
        for index, token in enumerate(self.tokens):
            if token.text != "{" or token.kind != "sign" or index not in self.partner:
                continue
            if index > end:
                if self.is_(index - 1, ")"):
                    self.blocks[index] = "function"
                    end = self.partner[index]
                    self.functions.append((index, end, self._returns_bool(index)))
                else:
                    self.blocks[index] = "values"
            elif self.is_(index - 1, ";", "{", "}", "else", "do", ":") and self._inner(index - 1) != "values":
                self.blocks[index] = "block"
            else:
                self.blocks[index] = "block" if self._is_control(index - 1) else "values"

    def _inner(self, index):
        return self.blocks.get(index) if self.is_(index, "{") else self.blocks.get(self.partner.get(index))

    def _returns_bool(self, body):
        name = self.partner[body - 1] - 1
        at = name - 1
        while at >= 0 and self.kind(at) == "name":
            if self.is_(at, "bool"):
                return True
            at -= 1
        return False

    def function_of(self, index):
        for function in self.functions:
            if function[0] < index < function[1]:
                return function
        return None

    def _span(self, first, last):
        return self.text[self.tokens[first].start:self.tokens[last].end]

    def _until(self, index, step, stops):
        """The last index from here on, in steps, before one of these tokens on the same level."""
        last = index
        while 0 <= index < len(self.tokens):
            token = self.tokens[index]
            if token.kind == "directive" or (token.kind != "string" and token.text in stops):
                return last
            if token.kind == "sign" and token.text in (OPEN if step < 0 else CLOSE):
                return last
            if token.kind == "sign" and token.text in (CLOSE if step < 0 else OPEN):
                index = self.partner.get(index, index)
            last = index
            index += step
        return last

    def _on_level(self, first, last, *texts):
        """The indices of such tokens between first and last that are in no inner bracket."""
        found, index = [], first
        while index <= last:
            token = self.tokens[index]
            if token.kind == "sign" and token.text in texts:
                found.append(index)
            elif token.kind == "sign" and token.text in OPEN:
                index = self.partner.get(index, index)
            index += 1
        return found

    # ---- writing down ----

    def add(self, start, end, new, change):
        """One mutant: [start, end) becomes `new`."""
        line = self.text.count("\n", 0, start) + 1
        text = self.text[self.text.rfind("\n", 0, start) + 1:].split("\n", 1)[0].strip()
        change = re.sub(r"\s+", " ", change)
        self._counts[text, change] += 1
        if self._counts[text, change] > 1:
            change += f" #{self._counts[text, change]}"
        # A change may not move the lines behind it: messages and coverage go by them.
        new += "\n" * (self.text.count("\n", start, end) - new.count("\n"))
        self.mutants.append(Mutant(self.file, line, text, change, ((start, end, new),)))

    def swap(self, first, last, new, shown=None):
        old = re.sub(r"\s+", " ", self._span(first, last))
        if len(old) > SHOWN_MAX:
            old = old[:SHOWN_MAX] + "..."
        self.add(self.tokens[first].start, self.tokens[last].end, new, f"{old} -> {shown or new}")

    # ---- conditions ----

    def _condition(self, first, last, values=("true", "false")):
        """An expression of which only the truth counts."""
        while self.is_(first, "(") and self.partner.get(first) == last:
            first, last = first + 1, last - 1
        if last < first or self.is_(first, "true", "false") and first == last:
            return
        self.weighed.append((first, last))
        both, either = (self._on_level(first, last, sign) for sign in ("&&", "||"))
        for value in values:
            # `a && b` that is always true is noticed by whoever notices that one of them is missing.
            if value == "true" and both and not either or value == "false" and either:
                continue
            if self.is_(first, "0", "1") and first == last:
                continue
            self.swap(first, last, TRUTH[value], value)

    def _operands(self, index):
        """Each operand of this && or ||, without the other."""
        sign = self.tokens[index].text
        neutral = "true" if sign == "&&" else "false"
        stops = (*LOOSE, "||") if sign == "&&" else LOOSE
        first = self._until(index - 1, -1, (*stops, "&&") if sign == "&&" else (*stops, "||"))
        if not self.is_(first - 1, sign):
            self.weighed.append((first, index - 1))
            self.swap(first, index - 1, TRUTH[neutral], neutral)
        last = self._until(index + 1, 1, (*stops, "&&") if sign == "&&" else (*stops, "||"))
        self.weighed.append((index + 1, last))
        self.swap(index + 1, last, TRUTH[neutral], neutral)

    def _conditions(self, index):
        token = self.tokens[index]
        if token.text in ("if", "while") and self.is_(index + 1, "("):
            self._condition(index + 2, self.partner[index + 1] - 1,
                            ("true", "false") if token.text == "if" else ("false",))
        elif token.text == "for" and self.is_(index + 1, "("):
            parts = self._on_level(index + 2, self.partner[index + 1] - 1, ";")
            if len(parts) == 2 and parts[1] > parts[0] + 1:
                self._condition(parts[0] + 1, parts[1] - 1, ("false",))
        elif token.text == "?" and token.kind == "sign":
            first = self._until(index - 1, -1, LOOSE)
            self._condition(first, index - 1)
        elif token.text == "return" and (self.function_of(index) or (0, 0, False))[2]:
            last = self._until(index + 1, 1, (";",))
            if not self._on_level(index + 1, last, "?"):
                self._condition(index + 1, last)

    # ---- statements ----

    def _is_statement(self, index):
        before = index - 1
        if self.is_(before, ";"):
            opening = self.around[index]
            return self.blocks.get(opening) in ("function", "block")
        if self.is_(before, "{", "}"):
            return self._inner(before) in ("function", "block")
        if self.is_(before, ":"):
            return self.is_(before - 2, "case") or self.is_(before - 1, "default")
        return self.is_(before, "else", "do") or self._is_control(before)

    def _statement(self, index):
        token = self.tokens[index]
        if token.text in KEYWORDS or token.text in "{};" or not self._is_statement(index):
            return
        if token.text in ("break", "continue"):
            self.swap(index, index, "", "nothing")
            return
        if token.kind == "name" and (self.kind(index + 1) == "name" or self.is_(index + 1, "*", ":")):
            return  # a declaration, or a label
        if token.kind == "directive" or UNSEEN.match(token.text):
            return
        if token.text == "(" and UNSEEN.match(self.tokens[self.partner[index] + 1].text):
            return
        self.swap(index, self._until(index, 1, (";",)), "", "nothing")

    # ---- single tokens ----

    def _is_unseen(self, index):
        """Whether it is the compiler's, or says how much memory is wanted."""
        at = self.around[index]
        while at is not None:
            if self.is_(at - 1, *NOT_JUDGING):
                return True
            at = self.around[at]
        return False

    def _is_declared_size(self, index):
        """Whether it is in the brackets of an array that is declared here."""
        at = self.around[index]
        while at is not None and self.tokens[at].text in "[(":
            if self.tokens[at].text == "[" and self.kind(at - 1) == "name" and (
                    self.kind(at - 2) == "name" or self.is_(at - 2, "*")) and not self.is_(at - 2, "return"):
                return True
            at = self.around[at]
        return False

    def _number(self, index):
        token = self.tokens[index]
        if self.is_(index - 1, "{") and self.is_(index + 1, "}") or self._is_declared_size(index):
            return
        if "." in token.text or token.text == "0" and self.is_(index - 1, "==", "!="):
            return  # a comparison with 0 is one of truth
        self.swap(index, index, f"{bump(token.text)}")

    def _string(self, index):
        token = self.tokens[index]
        inner = token.text[1:-1]
        opening = self.around[index]
        if not inner or len(inner) > WORD_MAX or "%" in inner or inner.endswith("\\n"):
            return
        if self.kind(index - 1) == "string" or self.kind(index + 1) == "string":
            return
        if opening is not None and self.is_(opening, "(") and self.is_(opening - 1, *PROSE):
            return
        if self.is_(index - 1, "return") or (inner[0].isupper() and " " in inner):
            return
        units = re.findall(r"\\.|[^\\]", inner)
        self.swap(index, index, '"' + ("".join(units[:-1]) if len(units) > 1 else "#") + '"')

    def _char(self, index):
        inner = self.tokens[index].text[1:-1]
        if inner.startswith("\\"):
            self.swap(index, index, "'#'")
        else:
            self.swap(index, index, f"'{'b' if inner == 'a' else 'a'}'")

    def _name(self, index):
        token = self.tokens[index]
        if token.text in ("true", "false"):
            self.swap(index, index, "false" if token.text == "true" else "true")
        elif token.text in self.neighbours and not self.is_(index - 1, "case") and not (
                self.is_(index - 1, "[") and self.is_(index + 2, "=")) and not self._is_declared_size(index):
            self.swap(index, index, self.neighbours[token.text])
        elif self.is_(index + 1, "(") and self.function_of(index):
            if token.text in FUNCTIONS:
                self.swap(index, index, FUNCTIONS[token.text])
            if token.text in OF_LENGTH:
                commas = self._on_level(index + 2, self.partner[index + 1] - 1, ",")
                if commas:
                    first, last = commas[-1] + 1, self.partner[index + 1] - 1
                    self.swap(first, last, f"({self._span(first, last)}) / 2")

    def _is_weighed(self, index):
        around = self.around[index]
        return any(first <= index <= last and (around is None or around < first)
                   for first, last in self.weighed)

    def _is_binary(self, index):
        return self.kind(index - 1) in ("number", "char") or self.is_(index - 1, ")", "]") or (
            self.kind(index - 1) == "name" and not self.is_(index - 1, *KEYWORDS))

    def _is_loop_end(self, index):
        opening = self.around[index]
        return opening is not None and self.is_(opening - 1, "for")

    def _sign(self, index):
        token = self.tokens[index]
        if token.text in BORDERS and self._is_loop_end(index) and token.text == "<":
            self.add(token.start, token.end, "+ 1 <", "< -> + 1 <")
        elif token.text in BORDERS:
            self.swap(index, index, BORDERS[token.text])
        if token.text in COMPARISONS and not self._is_weighed(index):
            self.swap(index, index, COMPARISONS[token.text])
        elif token.text in ("&&", "||"):
            self._operands(index)
        elif token.text in ARITHMETIC and self._is_binary(index) and self.function_of(index) and (
                not self._is_declared_size(index)) and not self._is_cast(index):
            self.swap(index, index, ARITHMETIC[token.text])

    def _is_cast(self, index):
        """`(type)-1` and `(type)&x` are no sums."""
        return self.is_(index - 1, ")") and self.is_(index, "-", "&", "+") and self.kind(
            index - 2) == "name" and self.is_(index - 2, *TYPES, "size_t", "uint8_t", "time_t")

    def _directive(self, index):
        """The value of a macro."""
        token = self.tokens[index]
        named = DEFINE.match(token.text)
        if not named:
            return
        for inner in tokens_of(token.text[named.end():]):
            start = token.start + named.end() + inner.start
            end = start + len(inner.text)
            if inner.kind == "number":
                self.add(start, end, bump(inner.text), f"{inner.text} -> {bump(inner.text)}")
            elif inner.kind == "name" and inner.text in self.neighbours:
                new = self.neighbours[inner.text]
                self.add(start, end, new, f"{inner.text} -> {new}")

    def _rows(self, index):
        """The rows of a table, each without its comma."""
        if self.blocks.get(index) != "values" or not self.is_(index - 1, "="):
            return
        first, closing = index + 1, self.partner[index]
        for comma in [*self._on_level(first, closing - 1, ","), closing]:
            if self.is_(first, "{") or self.is_(first, "[") and self.is_(self.partner[first] + 2, "{"):
                last = comma if comma != closing else comma - 1
                self.swap(first, last, "", "nothing")
            first = comma + 1

    # ---- all ----

    def read(self):
        for index in range(len(self.tokens)):
            if self.tokens[index].kind in ("name", "sign"):
                self._conditions(index)
        steps = {"directive": self._directive, "number": self._number, "string": self._string,
                 "char": self._char, "name": self._name, "sign": self._sign}
        for index, token in enumerate(self.tokens):
            if self.is_(index, "{"):
                self._rows(index)
            if token.kind != "directive" and self.function_of(index):
                self._statement(index)
            if not self._is_unseen(index):
                steps[token.kind](index)
        return sorted(self.mutants, key=lambda mutant: (mutant.edits, mutant.change))


def bump(number):
    """The next number, written in the same way."""
    digits = re.match(r"0[xX][0-9a-fA-F]+|\d+", number).group()
    suffix = number[len(digits):]
    if digits[:2] in ("0x", "0X"):
        return f"0x{int(digits, 16) + 1:X}{suffix}"
    return f"{int(digits, 8 if digits[0] == '0' else 10) + 1}{suffix}"


def mutants_of(file, text, neighbours):
    return Source(file, text, neighbours).read()


def applied(text, mutant):
    """The file's text with the mutant in it."""
    for start, end, new in reversed(mutant.edits):
        text = text[:start] + new + text[end:]
    return text
