"""A query with a name, and parameters that are filled in as values, never as SQL."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from claimx_pipeline.errors import UsageError


@frozen
class Parameter:
    """What a named query can be asked with; written ``:name`` in its SQL."""

    name: str
    """What it is called."""
    summary: str
    """One line for who asks."""
    default: str | int | float | None = None
    """Used when none is given; None means that one must be given."""


@frozen
class NamedQuery:
    """A query for ``claimx-run query --name``."""

    name: str
    """What it is called."""
    summary: str
    """One line for ``claimx-run query --list``."""
    sql: str
    """One reading statement; ``:name`` for a parameter."""
    parameters: tuple[Parameter, ...] = ()
    """What it can be given."""

    def check(self) -> None:
        """See that the SQL is one statement that reads, and uses declared parameters alone.

        Raises:
            UsageError: It is not; the error names the query.
        """
        from claimx_pipeline.delta.querying.statement import checked  # noqa: PLC0415 - slow

        given = {each.name: "0" for each in self.parameters if each.default is None}
        try:
            checked(self.render(given))
        except UsageError as error:
            raise UsageError(f"the SQL of query {self.name!r} cannot be run: {error}") from error

    def render(self, given: Mapping[str, str | int | float] | None = None) -> str:
        """Return the SQL with the parameters filled in.

        Raises:
            UsageError: A parameter is missing, or one is given that the query has not.
        """
        given = given or {}
        declared = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(given) - set(declared))
        if unknown:
            has = ", ".join(declared) or "none"
            raise UsageError(f"query {self.name!r} has no parameter {unknown[0]!r}; it has {has}")
        # Queries are declared where plugins are loaded; sqlglot is imported to run one.
        from claimx_pipeline.delta.querying.sql import parameters, tokens  # noqa: PLC0415

        out, at = [], 0
        for parameter, start, end in parameters(tokens(self.sql)):
            if parameter not in declared:
                raise UsageError(
                    f"query {self.name!r} does not declare its parameter {parameter!r}"
                )
            value = given.get(parameter, declared[parameter].default)
            if value is None:
                raise UsageError(
                    f"query {self.name!r} needs {parameter}: {declared[parameter].summary}"
                )
            out += [self.sql[at:start], _literal(value, declared[parameter].default)]
            at = end
        return "".join(out) + self.sql[at:]


def _literal(value: str | float, default: str | float | None) -> str:
    """Return *value* as SQL; text becomes a number if the default is one."""
    if isinstance(value, str) and isinstance(default, (int, float)):
        try:
            value = type(default)(value)
        except ValueError as error:
            raise UsageError(f"{value!r} is not a number") from error
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)
