"""A DuckDB database over the tables of runs, which can read those and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console.named_queries import VIEWS
from pipeline.export.text import one_line
from pipeline.ingest.files import suggestion
from pipeline.records.errors import ConfigError, DependencyError, InputError, TheodoliteError

if TYPE_CHECKING:
    import pyarrow as pa

_UNKNOWN_TABLE = re.compile(r"Table with name (\S+) does not exist")
_UNKNOWN_COLUMN = re.compile(r'column (?:named )?"([^"]+)" (?:not found|that)|does not have a column named "([^"]+)"')
_WORD = re.compile(r"\w+")
_ROWS_AT_ONCE = 2048
_SETTINGS = (
    # No extension is downloaded, and SQL cannot name variables of this program.
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
)


class Database:
    """Answers queries.

    Args:
        connection: The connection, which can read the tables alone.
        columns: The columns of each view.
    """

    def __init__(self, connection: Any, columns: Mapping[str, list[str]]) -> None:
        self._connection = connection
        self.columns = columns

    def rows(self, sql: str) -> pa.RecordBatchReader:
        """The rows of a query, in batches.

        Raises:
            ConfigError: If it is not one SELECT, or names what does not exist; says what does.
            InputError: If it cannot be computed.
        """
        import duckdb

        try:
            statements = self._connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise ConfigError(
                    "A query is one SELECT; it changes nothing and writes no file (for that, add output=FILE)."
                )
            return self._connection.sql(sql).to_arrow_reader(_ROWS_AT_ONCE)
        except duckdb.Error as error:
            raise self.refusal(error, sql) from error

    def refusal(self, error: Exception, sql: str) -> TheodoliteError:
        """What is wrong with a query, in one sentence, and what exists."""
        import duckdb

        text = str(error).partition("\n")[0].partition(": ")[2] or str(error)
        text = one_line(text).rstrip(".")
        if table := _UNKNOWN_TABLE.search(text):
            closest = suggestion(table[1], VIEWS) or "."
            return ConfigError(f"There is no table {table[1]!r}; the tables are {', '.join(VIEWS)}{closest}")
        if column := _UNKNOWN_COLUMN.search(text):
            name = column[1] or column[2]
            used = [view for view in VIEWS if view in _WORD.findall(sql.casefold())] or list(VIEWS)
            closest = suggestion(name, {one for view in used for one in self.columns[view]})
            known = "; ".join(f"{view} has {', '.join(self.columns[view])}" for view in used)
            return ConfigError(f"There is no column {name!r}{closest.rstrip('?')}: {known}.")
        if isinstance(error, duckdb.PermissionException):
            return ConfigError(f"A query reads the tables {', '.join(VIEWS)} only, and no file or address ({text}).")
        if isinstance(error, duckdb.ProgrammingError | duckdb.NotSupportedError):
            return ConfigError(f"The query is not valid: {text}.")
        return InputError(f"The query cannot be computed: {text}.")


@contextmanager
def opened(runs: Mapping[str, Mapping[str, Path]], temporary: Path) -> Iterator[Database]:
    """A database with one view per table, which holds the rows of all runs with a first column ``run``.

    Args:
        runs: For each run, its tables by name, see ``run_tables``.
        temporary: Where DuckDB puts what does not fit into memory.

    Raises:
        DependencyError: If DuckDB is not installed.
        InputError: If a table cannot be read.
    """
    try:
        import duckdb
    except ImportError as error:
        raise DependencyError(
            "query needs the package duckdb, which is not installed: run pip install 'theodolite[query]'."
        ) from error
    from pyarrow import ArrowException
    from pyarrow.dataset import dataset

    with ExitStack() as stack:
        try:
            connection = stack.enter_context(duckdb.connect(":memory:"))
            for setting in (*_SETTINGS, f"SET temp_directory = {_literal(str(temporary / 'spilled'))}"):
                connection.execute(setting)
            for view in VIEWS:
                parts = []
                for number, (run, tables) in enumerate(runs.items()):
                    # Arrow reads the files. DuckDB could write to files that it may read: COPY within WITH is a SELECT.
                    connection.register(f"{view}_{number}", dataset(tables[view]))
                    parts.append(f"SELECT {_literal(run)} AS run, * FROM {view}_{number}")
                connection.execute(f"CREATE VIEW {view} AS {' UNION ALL BY NAME '.join(parts)}")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            columns = {view: [row[0] for row in connection.execute(f"DESCRIBE {view}").fetchall()] for view in VIEWS}
        except (duckdb.Error, ArrowException, OSError) as error:
            raise InputError(f"The tables of the run cannot be read: {one_line(str(error)).rstrip('.')}.") from error
        yield Database(connection, columns)


def _literal(text: str) -> str:
    """A text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def batches_of(rows: pa.RecordBatchReader, database: Database, sql: str) -> Iterable[pa.RecordBatch]:
    """The batches of a query that is computed as they are taken.

    Raises:
        ConfigError: If it turns out not to be valid.
        InputError: If it cannot be computed.
    """
    while True:
        try:
            batch = rows.read_next_batch()
        except StopIteration:
            return
        except Exception as error:
            raise database.refusal(error, sql) from error
        yield batch
