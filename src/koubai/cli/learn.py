"""`koubai learn`: the course in the terminal: lessons, exercises, marks, solutions and the cheat sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from koubai.atomic import write_file
from koubai.cli.errors import FAILED, MISUSED, Mistake
from koubai.cli.help import Command, Group
from koubai.cli.lesson import show_lesson
from koubai.cli.options import wrapped
from koubai.cli.problem import problem_of, with_ending
from koubai.cli.tables import plain_table
from koubai.explain import ACTIVATIONS, solve
from koubai.i18n import _
from koubai.learn import Exercise, Mark, exercise, lesson, lessons, mark, read_answers, template
from koubai.report import write_cheat_sheet

_WIDEST = 80
Number = Annotated[int, typer.Argument(metavar="N", show_default=False)]
File = Annotated[Path | None, typer.Argument(metavar="FILE", show_default=False)]


def _option(*names: str, metavar: str, help: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=wrapped(help), show_default=False)


def _seed_option() -> Any:
    help = wrapped(_("numbers of your own: each seed has others (0)"))
    return typer.Option(min=0, metavar=_("INTEGER"), help=help, show_default=False)


class LearnGroup(Group):
    """The commands below `koubai learn`; a number alone shows its lesson."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Read `koubai learn 2` as `koubai learn show 2`."""
        return super().resolve_command(ctx, ["show", *args] if args[0].isdecimal() else args)


def learn_app() -> typer.Typer:
    """`koubai learn` with its commands."""
    app = typer.Typer(
        cls=LearnGroup,
        help=_("Learn backpropagation in seven lessons, with exercises; koubai learn N shows lesson N."),
        invoke_without_command=True,
        subcommand_metavar="[N|COMMAND]",
    )

    @app.callback()
    def learn(ctx: typer.Context) -> None:
        if ctx.invoked_subcommand is None:
            _show_lessons()

    commands: dict[str, tuple[Callable[..., None], str]] = {
        "show": (_show, _("Show lesson N.")),
        "start": (_start, _("Write the exercise of lesson N, a file to fill in.")),
        "check": (_check, _("Mark the answers to lesson N, line by line.")),
        "solution": (_solution, _("Show the solution of the exercise of lesson N.")),
        "cheatsheet": (_cheat_sheet, _("Write the formulas of your network on one page to print.")),
    }
    for name, (command, help) in commands.items():
        app.command(name, cls=Command, help=help)(command)
    return app


def _show_lessons() -> None:
    """The lessons with what is done of their exercises, as the files in this folder say."""
    table, done = plain_table(), []
    for entry in lessons():
        progress = _progress(entry.number)
        done.append(progress.startswith("✓"))
        table.add_row(str(entry.number), entry.title, progress)
    console = Console(highlight=False)
    console.print(Text(_("Follow every gradient by hand: seven lessons of ten minutes"), style="bold"))
    console.print(table)
    if all(done):
        console.print(_("All exercises are right. ✓"))
    else:
        message = _("Go on: koubai learn {number}, then its exercise: koubai learn start {number}")
        console.print(message.format(number=done.index(False) + 1))


def _progress(number: int) -> str:
    """How far the answers in this folder are."""
    path = _answer_file(number)
    if not path.exists():
        return ""
    try:
        marks = _marks(number, path)[1]
    except (ValueError, OSError):
        return _("✗ {path} cannot be read").format(path=path)
    right = sum(entry.right for entry in marks)
    counted = _("{right} of {count} right").format(right=right, count=len(marks))
    return f"{'✓' if right == len(marks) else '…'} {counted}"


def _show(number: Number) -> None:
    """Show a lesson."""
    show_lesson(_known(number))


def _start(
    number: Number,
    file: File = None,
    seed: Annotated[int, _seed_option()] = 0,
) -> None:
    """Write an exercise to fill in."""
    heading = _("Lesson {number}: {title}").format(number=number, title=_known(number).title)
    path = file or _answer_file(number)
    if path.exists():
        hint = _("Go on in it, or name another file: koubai learn start {number} FILE").format(number=number)
        raise Mistake(_("{path} exists already.").format(path=path), hint)
    write_file(path, template(exercise(number, seed), heading).encode())
    typer.echo(_("Written: {path}").format(path=path))
    typer.echo(_("Fill it in, then: koubai learn check {number}").format(number=_with_file(number, file)))


def _check(number: Number, file: File = None) -> None:
    """Mark a file of answers."""
    _known(number)
    path = file or _answer_file(number)
    if not path.exists():
        hint = _("Write it with: koubai learn start {number}").format(number=_with_file(number, file))
        raise Mistake(_("There is no file {path}.").format(path=path), hint)
    asked, marks = _marks(number, path)
    for line in _marked_lines(marks):
        typer.echo(line)
    wrong = [entry for entry in marks if not entry.right]
    typer.echo()
    if wrong:
        _say_first_wrong(wrong[0], asked)
        raise typer.Exit(FAILED)
    typer.echo(_("All right. ✓"))


def _say_first_wrong(first: Mark, asked: Exercise) -> None:
    """Later lines are often wrong only because of the first."""
    typer.echo(_("Look at {name} first.").format(name=first.blank.name))
    for line in first.advice.splitlines():
        typer.echo(f"  {line}")
    typer.echo(_("The solution: koubai learn solution {number}").format(number=_with_seed(asked)))


def _solution(number: Number, seed: Annotated[int, _seed_option()] = 0) -> None:
    """Show how every number is found."""
    _known(number)
    for blank in exercise(number, seed).blanks:
        typer.echo(_in_rows(blank.solution))


def _cheat_sheet(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help=wrapped(_("as for koubai explain")), show_default=False)
    ] = "2-2-1",
    numbers: Annotated[
        list[str] | None,
        _option("--set", metavar=_("NAME=NUMBERS"), help=_("change numbers: w1_12=0.3, or x=0.5,-1")),
    ] = None,
    activation: Annotated[str | None, _option(metavar=_("NAME"), help=", ".join(ACTIVATIONS))] = None,
    html: Annotated[Path | None, _option(metavar=_("FILE"), help=_("write a page to print"))] = None,
    pdf: Annotated[
        Path | None, _option(metavar=_("FILE"), help=_("write a PDF, printed by Chromium or Chrome"))
    ] = None,
) -> None:
    """Write the cheat sheet."""
    sheet = solve(problem_of(network, numbers, None, 0.0, "sgd", activation))
    wanted = [(html or (None if pdf else Path("cheatsheet.html")), ".html"), (pdf, ".pdf")]
    for path, ending in wanted:
        if path is not None:
            written = write_cheat_sheet(sheet, with_ending(path, ending))
            typer.echo(_("Written: {path}").format(path=written))


def _in_rows(equation: str) -> str:
    """An equation on one row if it fits, else each of its forms on a row of its own."""
    if cell_len(equation) <= _WIDEST:
        return equation
    name, *forms = equation.split(" = ")
    return "\n".join(f"{name if n == 0 else ' ' * cell_len(name)} = {form}" for n, form in enumerate(forms))


def _known(number: int) -> Any:
    try:
        return lesson(number)
    except ValueError as error:
        raise Mistake(str(error), code=MISUSED) from None


def _answer_file(number: int) -> Path:
    return Path(f"lesson{number}.txt")


def _marks(number: int, path: Path) -> tuple[Exercise, list[Mark]]:
    answers = read_answers(path.read_text(encoding="utf-8-sig"))
    asked = exercise(number, answers.seed)
    return asked, mark(asked, answers)


def _marked_lines(marks: Sequence[Mark]) -> list[str]:
    width = max(len(entry.blank.name) for entry in marks)
    signs = ("✓" if entry.right else "✗" if entry.written else "□" for entry in marks)
    return [f"{sign} {entry.blank.name:{width}} = {entry.written}" for sign, entry in zip(signs, marks)]


def _with_file(number: int, file: Path | None) -> str:
    return f"{number} {file}" if file else str(number)


def _with_seed(asked: Exercise) -> str:
    return f"{asked.number} --seed {asked.seed}" if asked.seed else str(asked.number)
