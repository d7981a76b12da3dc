"""How many planted secrets are masked, and how many harmless texts are changed.

`--list` shows each row that is wrong, `--names` only what it is called.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.masking_rates import changed_texts, rates, unmasked_places


def main() -> None:
    if "--names" in sys.argv:
        print(*unmasked_places(), *changed_texts(), sep="\n")
        return
    for rate in rates():
        print(rate)
    if "--list" in sys.argv:
        for name, why in (*unmasked_places().items(), *changed_texts().items()):
            print(f"\n{name}\n    {why}")


if __name__ == "__main__":
    main()
