"""A module that cannot be imported."""

import no_module_of_this_name


def test_never():
    no_module_of_this_name
