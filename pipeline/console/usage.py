"""What ``--help`` prints: the commands, and the groups and options that one of them reads."""

from __future__ import annotations

from collections.abc import Iterable

COMMANDS = """\
Theodolite: ask a vision-language model about space, and check its answer against geometry.

  python -m pipeline run [KEY=VALUE ...]      ask, verify, write results; without input= the quickstart
  python -m pipeline verify input=PATH claims=claims.json [KEY=VALUE ...]
                                              judge claims that somebody else made; no model is asked
  python -m pipeline eval-claims [dataset=NAME] [KEY=VALUE ...]
                                              measure verdicts and answers on claims whose truth is known
  python -m pipeline eval-depth [dataset=NAME] [depth=NAME] [KEY=VALUE ...]
                                              measure the error of depth on images whose true depth is known
  python -m pipeline schema                   JSON Schema of results.jsonl
  python -m pipeline doctor                   what is installed, which device, which models are on disk

Add --help to run, verify, eval-claims or eval-depth for all options, -v for tracebacks and details."""

_INPUT = "input=PATH            image, [image, image], folder, video or manifest (.jsonl, .csv, .parquet)"
_ALL = """\
  GROUP=OPTION          one of the options below; GROUP.KEY=VALUE sets one key of it
  -m                    sweep over comma-separated values, as depth=midas,nano
  --cfg job             print the whole configuration with all keys
  -v                    show what happens, and tracebacks; debug=default does so for one item, without the cache"""

_OF_COMMAND = {
    "run": f"""\
Ask about space, and check the answer against geometry.

Usage: python -m pipeline run [KEY=VALUE ...]
  {_INPUT}
  question="..."        what to ask; questions=[..., ...] asks several
  vlm.show_prompt=true  print the prompts instead of running
{_ALL}""",
    "verify": f"""\
Check claims that somebody else made against geometry; no model is asked.

Usage: python -m pipeline verify input=PATH claims=PATH [KEY=VALUE ...]
  {_INPUT}
  claims=PATH           JSON file of the claims and the regions that they are about
{_ALL}""",
    "eval-claims": f"""\
Measure verdicts and answers on claims and questions with ground truth.

Usage: python -m pipeline eval-claims [KEY=VALUE ...]
  dataset=NAME          images with claims; dataset.path=FOLDER says where they are
  depth=NAME            depth of the images; file takes that of the data set
  vlm=NAME              also asks a model the questions of the data set
{_ALL}""",
    "eval-depth": f"""\
Measure the error of depth on images with true depth.

Usage: python -m pipeline eval-depth [KEY=VALUE ...]
  dataset=NAME          images with true depth; dataset.path=FOLDER says where they are
  depth=NAME            what is measured; file takes the predictions of the data set
  protocol=NAME         alignment, caps, crop and average; protocol.KEY=VALUE changes one of them
{_ALL}""",
}
# verify asks no model.
_UNREAD = {"verify": ("vlm", "query", "experiment")}


def usage_of(command: str) -> str:
    """What a command does, and the groups that it reads with their options."""
    # The list of commands starts without the packages that read the configuration.
    from pipeline.config.options import groups_of, options_of

    unread = _UNREAD.get(command, ())
    config_name = "run" if command == "verify" else command.replace("-", "_")
    groups = [group for group in groups_of(config_name) if group not in unread]
    return "\n".join(
        [_OF_COMMAND[command], "", *(line for group in groups for line in _lines(group, options_of(group)))]
    )


def _lines(group: str, options: Iterable[str]) -> Iterable[str]:
    """One line for the options of a group with a short name, and one for each family of it."""
    families: dict[str, list[str]] = {}
    for option in options:
        family, _, name = option.rpartition("/")
        families.setdefault(f"{group}={family}/" if family else group, []).append(name)
    for title, names in families.items():
        yield f"{title}: {', '.join(names)}"
