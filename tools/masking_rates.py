"""How many planted secrets are masked, and how many harmless texts are changed.

`--list` shows each row that is wrong; `--write` brings the list of what is known to be wrong, and
the documentation, up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests import masking_rates as rates


def main() -> None:
    print(*rates.rates_of_places(), *rates.rates_of_harmless(), sep="\n")
    if "--list" in sys.argv:
        for name, why in (*rates.unmasked_places().items(), *rates.changed_texts().items()):
            print(f"\n{name}\n    {why}")
    if "--write" in sys.argv:
        rates.write()


if __name__ == "__main__":
    main()
