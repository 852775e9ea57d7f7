"""Texts of ``--help``: the list of commands, and a command's groups with their options."""

from __future__ import annotations

from collections.abc import Iterable

COMMANDS = """\
Theodolite: ask a vision-language model about space, and check its answer against geometry.

  python -m pipeline run [KEY=VALUE ...]      ask, verify, write results; without input= the quickstart
  python -m pipeline verify input=PATH claims=claims.json [KEY=VALUE ...]
                                              judge given claims without a model
  python -m pipeline retry RUN                run the failed items of a run again
  python -m pipeline merge RUN RUN ... output_dir=OUT
                                              join runs of one configuration, such as shard=1/2 and shard=2/2
  python -m pipeline reproduce RUN ITEM       run one item again and compare it with the stored result
  python -m pipeline eval-claims [dataset=NAME] [KEY=VALUE ...]
                                              measure verdicts and answers on data sets with ground truth
  python -m pipeline eval-depth [dataset=NAME] [depth=NAME] [KEY=VALUE ...]
                                              measure the error of depth on data sets with true depth
  python -m pipeline fit [sets=NAME] [KEY=VALUE ...]
                                              refit what verdicts learned from data, and their calibration
  python -m pipeline export RUN format=NAME [KEY=VALUE ...]
                                              write further formats of a finished run: GLB, rerun, COCO, tables, ...
  python -m pipeline view [RUN] [ITEM] [viewer=NAME]
                                              show the report of a run in the browser, or a scene in 3D
  python -m pipeline serve [--open] [KEY=VALUE ...]
                                              serve the web app and the HTTP API to browsers and programs
  python -m pipeline query RUN ["SELECT ..." | NAME] [format=csv|json|parquet] [output=FILE]
                                              ask the tables of a run by SQL, or by a query with a name
  python -m pipeline cache (info | prune | verify | clear) [KEY=VALUE ...]
                                              show, shrink, check or empty the folder of cached outputs
  python -m pipeline schema                   print the JSON Schema of results.jsonl
  python -m pipeline doctor                   show installed packages, the device in use and the models on disk

Add --help to a command for its options, and -v for details and tracebacks."""

_INPUT = "input=PATH            image, [image, image], folder, video, manifest (.jsonl, .csv, .parquet) or .tar"
_PARTS = """\
  resume=true           keep the results in output_dir; shard=2/8 and only=[ID, ID] run parts of the input"""
_ALL = """\
  GROUP=OPTION          one of the options below; GROUP.KEY=VALUE sets one of its keys
  -m                    sweep over comma-separated values, such as depth=midas,nano
  --cfg job             print the whole configuration
  -v                    show details and tracebacks; debug=default does so for one item, without the cache"""

_OF_COMMAND = {
    "run": f"""\
Ask about space, and check the answer against geometry.

Usage: python -m pipeline run [KEY=VALUE ...]
  {_INPUT}
  question="..."        the question; questions=[..., ...] for several
  vlm.show_prompt=true  print the prompts instead of running
{_PARTS}
{_ALL}""",
    "verify": f"""\
Judge given claims by geometry, without a model.

Usage: python -m pipeline verify input=PATH claims=PATH [KEY=VALUE ...]
  {_INPUT}
  claims=PATH           JSON file of the claims and their regions
{_PARTS}
{_ALL}""",
    "eval-claims": f"""\
Measure verdicts and answers on data sets with ground truth.

Usage: python -m pipeline eval-claims [KEY=VALUE ...]
  dataset=NAME          images with claims; dataset.path=FOLDER is their folder
  depth=NAME            depth of the images; file uses that of the data set
  vlm=NAME              a model to ask the questions of the data set
{_ALL}""",
    "eval-depth": f"""\
Measure the error of depth on data sets with true depth.

Usage: python -m pipeline eval-depth [KEY=VALUE ...]
  dataset=NAME          images with true depth; dataset.path=FOLDER is their folder
  depth=NAME            the network to measure; file uses the predictions of the data set
  protocol=NAME         alignment, caps, crop and average; protocol.KEY=VALUE changes one of them
{_ALL}""",
}
_OF_COMMAND["fit"] = f"""\
Refit the weights of cues and the calibration of verdicts, with places left out.

Usage: python -m pipeline fit [KEY=VALUE ...]
  sets=NAME             what to fit on; '+sets.mine={{dataset: manifest, path: PATH, claims: PATH}}' adds your own
{_ALL}"""
_OF_COMMAND["serve"] = """\
Serve the web app and the HTTP API, to this machine alone, until Ctrl-C.

Usage: python -m pipeline serve [--open] [KEY=VALUE ...]
  --open                open a browser
  depth=NAME vlm=NAME   real models, such as depth=midas vlm=qwen3vl; by default small ones that know rendered scenes
  serve.port=NUMBER     the port; 0 takes a free one
  serve.page=false      the HTTP API alone
  serve.host=0.0.0.0    for other machines too; needs a bearer token in the environment variable THEODOLITE_TOKEN
  serve.limits.KEY=VALUE, serve.store.KEY=VALUE
                        what requests may hold, and for how long results are kept
  GROUP=OPTION          one of the options below; GROUP.KEY=VALUE sets one of its keys
  --cfg job             print the whole configuration
  -v                    show details and tracebacks"""
_WITHOUT_GROUPS = {
    "export": """\
Write further formats of a finished run, from its results and stored scenes.

Usage: python -m pipeline export RUN format=NAME [KEY=VALUE ...]
  RUN                   the output_dir of a run
  format=NAME           one of those below; [NAME, NAME] for several
  item=ID               only the results of this item
  max_points=100000     most points of a cloud, or vertices of a mesh
  mesh=true             GLB with surfaces instead of points

One file per result, where its depth has a shape:
  ply                   clouds/*.ply: points, regions coloured
  glb                   models/*.glb: points or a mesh, boxes, cameras and measured distances
  rrd                   recordings/*.rrd for rerun, also of other depth; needs pip install 'theodolite[rerun]'
One for all results:
  report                report/: the report, with a page for each result
  coco                  coco/: regions as a COCO data set, with masks and depth
  csv, parquet          tables/: verdicts and regions, one row each
  label_studio          label_studio/: tasks with predictions
  fiftyone              fiftyone/: a data set of FiftyOne""",
    "view": """\
Show a finished run: its report in the browser, or the scene of an item in 3D.

Usage: python -m pipeline view [RUN] [ITEM] [KEY=VALUE ...]
  RUN                   output_dir of the run; by default the newest one below outputs/
  ITEM                  id of an item: its page, and its scene; of several questions, the first
  viewer=report         a server on 127.0.0.1 shows the report, to browsers of this machine only, until Ctrl-C
  viewer=open3d         Open3D's window shows points, boxes, cameras and measured lines
  viewer=rerun          writes an .rrd file and opens it in rerun (pip install 'theodolite[rerun]')
  port=NUMBER           port of the report; by default a free one
  serve=true|false      whether to serve the report; by default if a browser opens or a terminal waits

Without a display, pictures of the scene from the camera, from above and from the side are written into RUN/views/.
On a remote machine, forward the port: ssh -L 8000:127.0.0.1:8000 HOST, then view port=8000 there.""",
    "query": """\
Ask the tables of a run, by SQL (DuckDB) or by a query with a name; needs pip install 'theodolite[query]'.

Usage: python -m pipeline query RUN [RUN ...] "SELECT ..." [KEY=VALUE ...]
       python -m pipeline query RUN [RUN ...] NAME [KEY=VALUE ...]
  RUN                   the output_dir of a run, finished or not, or of a sweep
  format=NAME           csv, json or parquet; by default a table to read
  output=FILE           where it goes instead of the console; .csv, .json and .parquet name the format

Tables, with a first column run:
  results               one row per question: answer, counts of verdicts, model, tokens, seconds per stage
  verdicts              one row per claim: relation, status, probability, margin, reason, ground truth
  regions               one row per region: label, box, score, depth
  failures              one row per failure: item, stage, reason, command

Queries with a name:
  refuted               refuted claims by relation, and how many of these verdicts are correct
  slowest               the 20 slowest results, with the seconds of each stage
  undecided             the most frequent reasons of undecided verdicts, and what would decide them
  stages                seconds per stage: in total, and per result
  failures              what failed, by stage and reason, with the command that runs an item alone

"DESCRIBE verdicts" lists the columns of a table. A query is one SELECT; it reads these tables and nothing else.""",
    "cache": """\
Show, shrink, check or empty the folder of cached outputs (depth maps, text lines, masks and generations).

Usage: python -m pipeline cache ACTION [KEY=VALUE ...]
  info                  what the cache holds, by stage
  prune                 remove what was not used for longest, down to cache_gb, or what is older than older_than_days
  verify                check every file, and remove those with a wrong checksum
  clear                 remove all cached outputs, and no other file
  cache_dir=FOLDER      the cache; by default that of run
  cache_gb=SIZE         how much prune leaves [GB]; by default that of run, unless older_than_days is given
  older_than_days=DAYS  prune removes what was not used for so long""",
}
# verify asks no model.
_UNREAD = {"verify": ("vlm", "query", "experiment")}


def usage_of(command: str) -> str:
    """A command's description and the groups that it reads, with their options; all commands if it reads none."""
    if command not in _OF_COMMAND:
        return _WITHOUT_GROUPS.get(command, COMMANDS)
    # The list of commands starts without the packages that read the configuration.
    from pipeline.config.options import groups_of

    config_name = "run" if command == "verify" else command.replace("-", "_")
    groups = [group for group in groups_of(config_name) if group not in _UNREAD.get(command, ())]
    return "\n".join([_OF_COMMAND[command], "", *(line for group in groups for line in _lines(command, group))])


def _options(command: str, group: str) -> list[str]:
    """The options of a group that the command can use."""
    if group != "dataset":
        from pipeline.config.options import options_of

        return options_of(group)
    from pipeline.config.build_evaluation import datasets_that_yield
    from pipeline.datasets.base import ClaimDataset, DepthDataset

    return datasets_that_yield(ClaimDataset if command == "eval-claims" else DepthDataset)


def _lines(command: str, group: str) -> Iterable[str]:
    """One line for the group's options with a short name, and one for each of its families."""
    families: dict[str, list[str]] = {}
    for option in _options(command, group):
        family, _, name = option.rpartition("/")
        families.setdefault(f"{group}={family}/" if family else group, []).append(name)
    for title, names in families.items():
        yield f"{title}: {', '.join(names)}"
