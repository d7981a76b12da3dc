"""The command `otel-allure`."""
