"""Places of models as users write them: `nets.py:Net`, `package.nets:make(16, pool="max")`."""

import ast
import re
from dataclasses import dataclass, field

from sonify.runtime.errors import SonifyError

_FORM = re.compile(r"(?P<where>.+?):(?P<name>[^\W\d][\w.]*)(?P<arguments>\(.*\))?", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """A model's place: the text, its module or file, its name there, and what to call it with."""

    text: str
    where: str
    name: str
    called: bool = False
    args: list[object] = field(default_factory=list)
    kwargs: dict[str, object] = field(default_factory=dict)


def parsed(text: str) -> Place:
    """Read `module:name` or `file.py:name`, with arguments in parentheses or without.

    Raises SonifyError for any other text, and for arguments that are no literals.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise SonifyError(f"--model is {text!r}: write module:name or path/to/file.py:name")
    where, name, arguments = found["where"], found["name"], found["arguments"]
    if arguments is None:
        return Place(text, where, name)
    try:
        call = ast.parse(f"f{arguments}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("not one call")
        args = [ast.literal_eval(value) for value in call.args]
        kwargs = {k.arg: ast.literal_eval(k.value) for k in call.keywords if k.arg is not None}
        if len(kwargs) < len(call.keywords):
            raise ValueError("a mapping of arguments")
    except (SyntaxError, TypeError, ValueError) as error:
        raise SonifyError(
            f"--model is {text!r}, whose arguments are not plain values: write {name}(16, "
            'pool="max"), in quotes'
        ) from error
    return Place(text, where, name, True, args, kwargs)
