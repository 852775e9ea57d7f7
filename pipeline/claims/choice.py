"""Finds the option that an answer chose from those of its question."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from pipeline.claims.choice_words import chosen_by_words
from pipeline.claims.markup import plain_text
from pipeline.claims.options import options_of

_LONGEST = 50_000
_TEX = re.compile(r"\\(?:text(?:bf|it|rm)?|math(?:rm|bf|sf|it)?|bf|rm)\s?(?=\{)|\\[()\[\],;! ]|\$")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s{0,2}\{+([^{}]{1,200})\}")
_TAGGED = re.compile(
    r"<\|?(answer|choice|option|final_answer|begin_of_box)\|?>\s{0,20}(.{1,2000}?)\s{0,20}<\|?/?(?:answer|choice|"
    r"option|final_answer|end_of_box)\|?>",
    re.IGNORECASE | re.DOTALL,
)
_KEYED = re.compile(
    r"[\"'“](?:final_?answer|answer|choice|option|selected(?:_option)?|correct_?(?:answer|option)|prediction|答案|选项|"
    r"选择)[\"'”]"
    r"\s{0,4}[:：]\s{0,4}(\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'|[A-Ha-h1-8](?![\w]))",
    re.IGNORECASE,
)
_MARK = r"[(（\[【\"'“*]{0,4}\s{0,2}"
_END = r"(?![A-Za-z0-9'’]|\s{0,2}(?:and|or|,|/|和|或|、)\s{0,2}[(（]?[A-H](?![A-Za-z]))"
_VERBS = (
    r"(?:answer|answers|option|choice|choose|select|selected|pick|picked|go(?:ing)?\s{1,4}(?:with|for)|"
    r"antwort|réponse|respuesta|risposta|resposta)"
)
_STATED = re.compile(
    rf"(?:\b{_VERBS}(?:\s{{1,4}}(?:option|choice|letter|is|are|would\s{{1,4}}be|should\s{{1,4}}be|ist|est|es|"
    rf"must\s{{1,4}}be)){{0,4}}"
    r"|\b(?:correct|right|best|final)\s[^.\n?!]{0,60}?\b(?:is|would\s{1,4}be)|\b(?:it|that)(?:'s|\s{1,4}is|"
    r"\s{1,4}would\s{1,4}be|\s{1,4}must\s{1,4}be)"
    r"|\b(?:so|therefore|thus|hence|picture|image|most\s{1,4}likely|probably|(?:pick|choose)\s{1,4}one)\s{0,2},?"
    r"|答案(?:应该|应当|应)?[是为选]?|正确(?:选项|答案)(?:应该)?[是为]?|(?:我)?(?:应该?|故|所以|因此)?(?:选择?|选项)|(?:我)?(?:认为|觉得)(?:是|选)?|答|而是)"
    rf"\s{{0,4}}[】*]{{0,3}}[:：=]?\s{{0,4}}(?:(?:option|choice|letter|选项)\s{{0,4}})?{_MARK}(?P<letter>[A-H1-8]){_END}",
    re.IGNORECASE,
)
_CLOSED = re.compile(
    rf"(?:^|[\n.。!！,，;；]\s{{0,3}}|\b(?:only|option|choice|so|"
    rf"只有)\s{{0,3}}){_MARK}(?P<letter>[A-H])[)）\]】\"'”*]{{0,4}}\s{{0,3}}"
    r"(?:(?:is|选项|项)?\s{0,2}(?:是?\s{0,2}(?:the\s{1,3})?(?:correct|right|best|正确|对)(?:的|\s{1,3}(?:answer|option|one|"
    r"choice))?)|选项(?!错|不))",
    re.IGNORECASE,
)
_WORDED = re.compile(
    r"(?:\b(?:answer|option|choice)\s{1,4}(?:is|would\s{1,4}be)\s{0,2}:?|\banswer\s{0,2}[:：]|"
    r"答案[是为]?\s{0,2}[:：]?)\s{0,4}(?P<words>[^\n.。]{1,120}(?:\.\d[^\n.。]{0,20})?)",
    re.IGNORECASE,
)
_OPTION_BEFORE = re.compile(r"(?:option|choice|选项)\s{0,4}[(（\[【\"'“*]*$", re.IGNORECASE)
# "Option A is hidden" tells something about it, and chooses nothing.
_TELLS = re.compile(
    r"[)）\]】\"'”*]*\s{1,3}(?:is|has|was|are|shows|lies|would|could)\b(?!\s{1,3}(?:the\s{1,3})?(?:correct|right|"
    r"best|nearest))",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\s*[)）\]】\"'”*]*\s*(?:is|are|was|isn't|seems?|选项|项|是)?\s*(?:also\s|clearly\s)?(?:not\b|n't|wrong|incorrect|"
    r"false|错|不对|不正确|不是)",
    re.IGNORECASE,
)
_DENIAL_BEFORE = re.compile(r"(?:\bnot|n't|\bnever|不|非|别)\s{0,2}(?:应该?|能)?$", re.IGNORECASE)
_REJECTING = re.compile(
    r"(?:least\s+likely|wrong|incorrect|worst|false|错误的?|不正确的?|不对的?)(?:\s+(?:answer|option|choice)|答案|选项)?\s*(?:is|是)?\s*$",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"\b(?:wait|actually|correction|hold on|mistake|sorry|let me re|on second thought|no,|final(?:ly)?|however|"
    r"instead)\b|等等|更正|不对|其实|实际上|最终|纠正",
    re.IGNORECASE,
)
_OPTION_TEXT = r"(?:\s{0,3}[.)）\]、:：．,，\-–—]|\s{0,3}[(（]|\s)"
_EDGES = " \t\n*_`\"'“”‘’()（）[]【】{}.。:：,，;；!！<>/"


def find_choice(text: str, question: str) -> str | None:
    """The option that an answer chose: its letter in upper case, or its number.

    Boxed, tagged and keyed answers come first, then stated ones ("the answer is B"), then a line that begins with a
    letter, and then the words of an option.

    Args:
        text: The answer, without its reasoning.
        question: The question with its options.

    Returns:
        The letter; None if the question has no options, or if the answer names none of them, denies it, or contradicts
        itself by two letters or by a letter with another option's words.
    """
    options = options_of(question)
    if not options:
        return None
    raw = unicodedata.normalize("NFKC", text[:_LONGEST])
    for content in _marked(raw):
        if (letter := _of_content(content, options)) is not None:
            return letter
    words = re.sub(r"</?s>|<\|[a-z_]{1,20}\|>", " ", _TEX.sub("", plain_text(raw).text)).strip()
    if (found := _stated(words, options)) is not None:
        return found or None
    if (bare := _bare(words, options)) is not None:
        return bare or None
    return chosen_by_words(words, options, question)


def _marked(raw: str) -> Iterator[str]:
    """The contents of boxes, tags and keys, the last one of each kind."""
    tex = _TEX.sub("", raw)
    if boxed := _BOXED.findall(tex):
        yield boxed[-1]
    if tagged := _TAGGED.findall(raw):
        inner = _TAGGED.findall(tagged[-1][1])
        yield inner[-1][1] if inner else tagged[-1][1]
    if keyed := _KEYED.findall(raw):
        yield keyed[-1].strip("\"'")


def _of_content(content: str, options: Mapping[str, str]) -> str | None:
    """The option that a marked answer names: a letter, a letter with its words, or the words."""
    words = content.strip(_EDGES)
    if match := re.fullmatch(r"(?:option|choice|选项)?\s{0,3}[(（]?([A-Ha-h1-8])[)）]?", words, re.IGNORECASE):
        return match[1].upper() if match[1].upper() in options else _by_text(words, options)
    match = re.match(rf"([A-Ha-h1-8]){_OPTION_TEXT}\s{{0,3}}(?P<rest>.+)", words, re.DOTALL)
    if match and match[1].upper() in options and _same(match["rest"], options[match[1].upper()]):
        return match[1].upper()
    return _by_text(words, options) or chosen_by_words(words, options, "")


def _stated(words: str, options: Mapping[str, str]) -> str | None:
    """The letter of the statements of an answer; "" if they contradict each other; None if there is none."""
    found: list[tuple[int, str]] = []
    asked_or_rejected = False
    for match in (*_STATED.finditer(words), *_CLOSED.finditer(words)):
        letter = match["letter"]
        after = words[match.end("letter") : match.end("letter") + 40]
        before = words[max(match.start() - 12, 0) : match.start("letter")]
        if (
            not _is_letter(letter, after, options)
            or _DENIED.match(after)
            or _DENIAL_BEFORE.search(before.rstrip(" (（"))
        ):
            continue
        if _DENIAL_BEFORE.search(words[max(match.start() - 8, 0) : match.start()]):
            continue
        lead = words[max(match.start() - 24, 0) : match.start("letter")]
        if _REJECTING.search(lead) or re.match(r"[)）]?\s*[?？]", after):
            asked_or_rejected = True
            continue
        introduced = _OPTION_BEFORE.search(words[: match.start("letter")][-20:])
        if introduced and _TELLS.match(after):
            continue
        found.append((match.start("letter"), letter.upper()))
    found.sort()
    for match in _WORDED.finditer(words):
        if (letter := _by_text(match["words"].strip(_EDGES), options)) is not None:
            found.append((match.start("words"), letter))
    found = sorted(each for each in found if each[1] in options or not each[1].isdigit())
    letters = [letter for _, letter in found]
    if not letters:
        return "" if asked_or_rejected else None
    if not set(letters) <= set(options):
        return ""
    if len(set(letters)) > 1:
        last = max(position for position, letter in found if letter != letters[-1])
        final = max(position for position, letter in found if letter == letters[-1])
        return letters[-1] if _CORRECTED.search(words[last:final]) else ""
    return letters[0] if _agrees(letters[0], words, found, options) else ""


def _agrees(letter: str, words: str, found: list[tuple[int, str]], options: Mapping[str, str]) -> bool:
    """Whether no letter is followed by another option's words: "the answer is A, left" where left is B."""
    for position, _ in found:
        rest = re.split(r"[\n.。]", words[position + 1 : position + 80].lstrip(_EDGES))[0].strip(_EDGES)
        other = _by_text(rest, options)
        if other is not None and other != letter:
            return False
    return True


def _bare(words: str, options: Mapping[str, str]) -> str | None:
    """The letter with which the first or the last line begins; "" if it is not clear; None without one."""
    lines = [line.strip() for line in words.split("\n") if line.strip()]
    if not lines:
        return None
    found = []
    for line in dict.fromkeys((lines[0], lines[-1])):
        if (letter := _of_line(line, options)) is not None:
            found.append(letter)
    if not found:
        return None
    return found[0] if len(set(found)) == 1 else ""


def _of_line(line: str, options: Mapping[str, str]) -> str | None:
    inner = line.strip(_EDGES)
    own = re.match(rf"([A-Ha-h1-8]){_OPTION_TEXT}\s{{0,3}}(?P<rest>.+)", inner)
    if own and _same(own["rest"], options.get(own[1].upper(), "")):
        return own[1].upper()
    named = re.findall(r"(?<![A-Za-z0-9])([A-H])(?=\s{0,2}[.)）、:：,，/&]|\s+(?:and|or|和|或)\s|$)", inner)
    if (
        len(set(named)) > 1
        and len(named) > 1
        and re.match(r"[(（]?[A-H]\s{0,2}(?:[.)）、:：,，/&]|\s+(?:and|or)\s)", inner)
    ):
        if re.match(r"[(（]?[A-H]\s{0,2}[)）]?\s{0,2}(?:[,，/&、]|and\b|or\b|和|或)\s{0,2}[(（]?[A-H]\b", inner):
            return ""
        if len({letter for letter in named if letter in options}) == len(options):
            return ""
    if match := re.fullmatch(r"([A-Ha-h1-8])", inner):
        return match[1].upper() if match[1].upper() in options else (None if _by_text(inner, options) else "")
    match = re.match(
        rf"[(（\[【\"'“*]{{0,3}}([A-Ha-h1-8])(?P<close>[)）\]】\"'”*]{{0,3}}){_OPTION_TEXT}\s{{0,3}}(?P<rest>.*)", line
    )
    if match and match[1].upper() in options:
        letter, rest = match[1].upper(), match["rest"]
        if _DENIED.match(line[match.end(1) :]):
            return ""
        words = options[letter].casefold()
        begins = words and rest.strip(_EDGES).casefold().startswith(words)
        punctuated = re.match(r"[)）\]】\"'”*]|\s{0,2}[.)）、:：．,，]", line[match.end(1) :])
        if begins:
            return letter
        if punctuated and match[1].isupper():
            return letter if (other := _by_text(rest.strip(_EDGES), options)) in (None, letter) else (other and "")
        if match[1].isupper() and re.match(r"\s{0,3}[-–—]\s", line[match.end(1) :]):
            return letter
    ends = re.fullmatch(
        r"(?P<words>[^()（）]{1,80}?)\s{0,3}[(（]([A-H])[)）]", inner + ("" if inner.endswith((")", "）")) else ")")
    )
    if ends and _by_text(ends["words"].strip(_EDGES), options) == ends[2]:
        return ends[2]
    return None


def _is_letter(letter: str, after: str, options: Mapping[str, str]) -> bool:
    """Whether a letter of a statement is the letter of an option: "a" and "A" before a noun may be an article."""
    if letter.islower() and not re.match(r"\s{0,2}(?:[.)）\]】,，:：;；!\"'”]|$|\n)", after):
        return False
    if letter.upper() == "A" and (match := re.match(r"\s+([a-z]+)", after)):
        is_own = options.get("A", "").casefold().startswith(match[1])
        return is_own or match[1] in (
            "is",
            "because",
            "since",
            "as",
            "and",
            "with",
            "here",
            "the",
            "for",
            "which",
            "but",
        )
    return True


def _by_text(words: str, options: Mapping[str, str]) -> str | None:
    named = [letter for letter, option in options.items() if _same(words, option)]
    return named[0] if len(named) == 1 else None


def _same(words: str, option: str) -> bool:
    def plain(text: str) -> str:
        text = re.sub(r"^(?:the|a|an|to the|on the)\s+(?=\S)", "", text.strip(_EDGES).casefold())
        return re.sub(r"^(?:the|a|an)\s+(?=\S)", "", text).strip(_EDGES)

    return bool(option) and plain(words) == plain(option)
