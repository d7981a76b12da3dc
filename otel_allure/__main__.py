"""`python -m otel_allure`: the command `otel-allure`."""

import sys

from otel_allure.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
