"""Some of the tests of Pods and streams, by a platform of an ordinary user. `--rootless` runs all of them so."""

import pytest
from clients.test_exec import shell, test_files_are_copied_in_and_out  # noqa: F401
from clients.test_port_forward import server, test_bytes_go_both_ways_and_ends_are_passed_on  # noqa: F401
from node.test_attach import terminals, test_a_terminal_is_attached_typed_into_and_resized, test_an_input_ends_with_the_first_who_typed  # noqa: F401,E501
from node.test_conformance_content import test_volumes_of_configuration_follow_their_sources, test_who_a_container_is  # noqa: F401
from node.test_conformance_lifecycle import test_init_containers, test_probes, test_sidecars  # noqa: F401
from node.test_images import registry, test_links_whiteouts_and_modes_of_layers, test_users_of_images  # noqa: F401
from node.test_policies import rooms, test_profiles_do_not_meet, test_who_may_come_in, use  # noqa: F401
from node.test_sandbox import test_attacks_are_refused, test_capabilities, test_who_must_not_be_root  # noqa: F401
from node.test_sharing import test_containers_of_a_pod_share_system_v_ipc  # noqa: F401
from node.test_volumes import test_a_group_for_files, test_a_token_for_an_audience, test_memory_with_a_limit, test_parts_of_volumes  # noqa: F401,E501


@pytest.fixture(scope="module")
def platform(rootless):
    return rootless
