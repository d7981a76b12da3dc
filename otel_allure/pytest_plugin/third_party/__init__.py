"""What other plugins of pytest need, and allure-pytest's own names."""
