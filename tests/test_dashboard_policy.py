"""Where a request comes from, and what its headers may make of us, without a process."""

import pytest
from starlette.requests import HTTPConnection

from ingest.settings import Settings
from projections.dashboard import keeping
from projections.dashboard.policy import Policy


@pytest.fixture
def policy(tmp_path):
    """`policy(**environment)`: that of a dashboard whose home is the test's."""

    def of(**environment):
        given = {"HOOKLOG_HOME": str(tmp_path), "STRIPE_WEBHOOK_SECRET": "whsec_x", **environment}
        return Policy.of(Settings.from_environment(given))

    return of


def asked(peer="127.0.0.1", **headers):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw, "client": (peer, 5000)})


@pytest.mark.parametrize("host", ["[", "[::1", "]", "a]b", "\xff", "localhost]"])
def test_a_host_that_is_none_is_not_ours(policy, host):
    assert not policy().admits_host(host)
    assert not policy(DASHBOARD_URL="https://figures.example.com").admits_host(host)


@pytest.mark.parametrize("origin", ["http://[", "https://[::1", "null", "", "http://localhost/x"])
def test_an_origin_that_is_none_is_not_ours(policy, origin):
    assert not policy().is_ours(asked(host="localhost", origin=origin))


@pytest.mark.parametrize("host", ["figures.example.com", "figures.example.com:443", "Figures.Example.com"])
def test_the_address_that_people_use_is_ours_however_a_proxy_writes_it(policy, host):
    served = policy(DASHBOARD_URL="https://figures.example.com")
    assert served.admits_host(host)
    assert served.is_ours(asked(host=host, origin="https://figures.example.com"))
    assert not served.is_ours(asked(host=host, origin=f"http://{host}"))
    assert not served.admits_host("figures.example.com:8443")


@pytest.mark.parametrize("host", ["localhost:8001", "127.0.0.1", "[::1]:8001", "LOCALHOST"])
def test_every_name_of_this_machines_own_is_ours(policy, host):
    assert policy().admits_host(host)
    assert policy().is_ours(asked(host=host, origin=f"http://{host.lower()}"))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:49152", "198.51.100.7"),
        ("[2001:db8::7]:49152", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("203.0.113.1, 198.51.100.7:49152, 127.0.0.2", "198.51.100.7"),
    ],
)
def test_an_address_is_the_same_whatever_port_a_proxy_writes_beside_it(policy, told, expected):
    trusting = policy(DASHBOARD_PROXIES="127.0.0.0/8")
    assert expected == trusting.address_of(asked(x_forwarded_for=told))
    assert expected == trusting.address_of(asked("::ffff:127.0.0.1", x_forwarded_for=told))


def test_a_key_that_is_not_whole_is_refused(tmp_path):
    (tmp_path / keeping.KEY_FILE).write_text("")
    with pytest.raises(keeping.UnusableHome, match="no whole key"):
        keeping.kept_key(tmp_path)
