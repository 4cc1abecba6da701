"""Who is let in to the dashboard, shown on real processes: by links, by passwords, and not otherwise."""

import time
from contextlib import contextmanager
from uuid import uuid4

import pytest
from itsdangerous import URLSafeTimedSerializer
from redis import Redis

from projections.dashboard import keeping, sessions, throttle
from projections.dashboard.links import LINK_SECONDS, Links
from projections.dashboard.passwords import PasswordHash
from tests.conftest import forget, namespace
from tests.dashboard_process import DashboardProcess

PASSWORD = "correct horse battery staple"
SECRET = "of the tests, and long enough to be one"


def hashed(password: str) -> str:
    blank = PasswordHash.of("")._replace(log2n=14, p=1)
    return str(blank._replace(key=blank._derived(password)))


JENNY, OTTO = hashed(PASSWORD), hashed("another one altogether")
USERS = {"DASHBOARD_USERS": f"jenny:{JENNY},otto:{OTTO}", "DASHBOARD_SECRET": SECRET}


@pytest.fixture(scope="module")
def place(servers):
    """One database for all: no dashboard changes it."""
    with namespace(servers) as settings, Redis.from_url(settings.redis_url) as redis:
        yield settings
        forget(redis, settings.log_prefix)


@pytest.fixture
def settings(place):
    """With a log of the test's own: what dashboards tell each other goes by its name."""
    return place.model_copy(update={"log_prefix": f"test_{uuid4().hex[:12]}"})


@pytest.fixture
def serve(settings, redis, tmp_path):
    """`serve(**environment)`: a dashboard on the test's database, and on its Redis unless told otherwise."""
    running = []

    def start(home=None, **environment):
        given = {"REDIS_URL": settings.redis_url, "LOG_PREFIX": settings.log_prefix, **environment}
        given = {name: value for name, value in given.items() if value is not None}
        process = DashboardProcess(settings.database_url, home or tmp_path, **given)
        running.append(process)
        return process

    yield start
    for process in running:
        process.close()


def running(place, **environment):
    """A process for all tests that try no wrong password."""
    given = {"REDIS_URL": place.redis_url, "LOG_PREFIX": place.log_prefix, **environment}
    process = DashboardProcess(place.database_url, **given)
    yield process
    process.close()


@pytest.fixture(scope="module")
def _by_link(place):
    yield from running(place)


@pytest.fixture(scope="module")
def _by_password(place):
    yield from running(place, **USERS)


@pytest.fixture
def by_link(_by_link):
    """A dashboard that lets in by link; nobody is logged in."""
    _by_link.cookie = ""
    return _by_link


@pytest.fixture
def by_password(_by_password):
    """A dashboard that has users; nobody is logged in."""
    _by_password.cookie = ""
    return _by_password


@contextmanager
def without_cookie(dashboard):
    cookie, dashboard.cookie = dashboard.cookie, ""
    yield
    dashboard.cookie = cookie


class TestLinks:
    def test_nobody_sees_anything_without_a_session(self, by_link):
        assert (303, "/login") == seen(by_link.get("/"))
        assert (303, "/login?next=/tiles%3Fmode%3Dtest") == seen(by_link.get("/tiles?mode=test"))
        for path in ("/changes", "/figures/revenue", "/figures/revenue.csv", "/pulse", "/search", "/none"):
            assert by_link.get(path).status == 303, path
        part = by_link.request("GET", "/tiles", {"Sec-Fetch-Mode": "cors"})
        assert (401, b"Log in again.\n") == (part.status, part.body)

    def test_a_link_lets_in_once_also_when_another_process_and_a_later_one_are_asked(self, serve, tmp_path):
        first, second = serve(), serve()
        token = Links(tmp_path).token()
        first.keep(first.get(f"/enter?token={token}"))
        assert first.get("/").status == 200
        assert second.get(f"/enter?token={token}").status == 401
        first.close(), second.close()
        later = serve()
        assert later.get(f"/enter?token={token}").status == 401

    def test_looking_at_a_link_without_following_it_spends_nothing(self, by_link):
        path = f"/enter?token={Links(by_link.home).token()}"
        assert by_link.request("HEAD", path, {}).status == 401
        assert by_link.get(path).status == 303

    def test_who_is_logged_in_spends_no_link(self, by_link):
        by_link.enter()
        path = f"/enter?token={Links(by_link.home).token()}"
        assert (303, "/") == seen(by_link.get(path))
        with without_cookie(by_link):
            assert by_link.get(path).status == 303

    def test_an_old_a_made_up_and_another_homes_link_let_nobody_in(self, by_link, tmp_path, monkeypatch):
        with monkeypatch.context() as past:
            past.setattr("itsdangerous.timed.time.time", lambda: 1e9)
            old = Links(by_link.home).token()
        elsewhere = tmp_path / "elsewhere"
        for token in (old, "made.up.entirely", "", "%00%ff", Links(elsewhere).token()):
            assert by_link.get(f"/enter?token={token}").status == 401, token
        assert LINK_SECONDS <= 15 * 60

    def test_the_key_is_for_its_owners_eyes_only(self, by_link):
        assert 0o600 == (by_link.home / keeping.KEY_FILE).stat().st_mode & 0o777


class TestSessions:
    def test_a_cookie_is_kept_from_scripts_and_from_other_sites_forms(self, by_link):
        answer = by_link.get(f"/enter?token={Links(by_link.home).token()}")
        flags = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert "secure" not in flags

    def test_over_tls_the_cookie_goes_nowhere_else(self, serve):
        dashboard = serve(**USERS, DASHBOARD_URL="https://figures.example.com")
        form = {"user": "jenny", "password": PASSWORD}
        origin = {"Host": "figures.example.com", "Origin": "https://figures.example.com"}
        answer = dashboard.submit("/login", form, **origin)
        name, _, rest = answer.headers["Set-Cookie"].partition("=")
        flags = {part.strip().lower() for part in rest.split(";")[1:]}
        assert name == "__Host-hooklog"
        assert {"secure", "httponly", "path=/"} <= flags
        assert not any(flag.startswith("domain") for flag in flags)

    def test_a_cookie_that_was_changed_anywhere_is_none(self, by_password):
        by_password.log_in("jenny", PASSWORD)
        whole = by_password.cookie
        at = whole.index("=") + 1
        for place in (at, at + 5, len(whole) - 20, len(whole) - 2):
            by_password.cookie = f"{whole[:place]}{'A' if whole[place] != 'A' else 'B'}{whole[place + 1 :]}"
            assert by_password.get("/").status == 303
        by_password.cookie = whole
        assert by_password.get("/").status == 200

    def test_a_session_ends_by_itself(self, by_password, monkeypatch):
        by_password.log_in("jenny", PASSWORD)
        old = aged(by_password.cookie, by=12 * 3600 + 60, monkeypatch=monkeypatch)
        young = aged(by_password.cookie, by=11 * 3600, monkeypatch=monkeypatch)
        by_password.cookie = old
        assert by_password.get("/").status == 303
        by_password.cookie = young
        assert by_password.get("/").status == 200

    def test_logging_out_ends_it_on_every_machine(self, serve, tmp_path):
        here, there = serve(**USERS), serve(tmp_path / "there", **USERS)
        here.log_in("jenny", PASSWORD)
        there.cookie = here.cookie
        assert there.get("/").status == 200
        assert (303, "/login") == seen(here.submit("/logout", {}))
        assert [303, 303] == [here.get("/").status, there.get("/").status]

    def test_logging_out_ends_it_without_redis_too(self, serve):
        dashboard = serve(REDIS_URL=None)
        dashboard.enter().submit("/logout", {})
        assert dashboard.get("/").status == 303

    def test_logging_out_needs_no_home_that_can_be_written_where_redis_keeps_it(self, serve, tmp_path):
        dashboard = serve(**USERS)
        dashboard.log_in("jenny", PASSWORD)
        (tmp_path / keeping.SPENT).write_text("in the way of the marks")
        assert (303, "/login") == seen(dashboard.submit("/logout", {}))
        assert dashboard.get("/").status == 303

    def test_a_user_who_is_gone_or_has_another_password_is_logged_out(self, by_password, serve):
        by_password.log_in("jenny", PASSWORD)
        for users in (f"otto:{OTTO}", f"jenny:{hashed(PASSWORD)},otto:{OTTO}"):
            after = serve(**USERS | {"DASHBOARD_USERS": users})
            after.cookie = by_password.cookie
            assert after.get("/").status == 303

    def test_a_links_session_is_worth_nothing_once_there_are_users(self, by_password, serve):
        by_password.cookie = serve(DASHBOARD_SECRET=SECRET).enter().cookie
        assert by_password.get("/").status == 303

    def test_a_session_that_somebody_planted_is_not_taken_over(self, by_password):
        by_password.log_in("otto", "another one altogether")
        planted = by_password.cookie
        by_password.log_in("jenny", PASSWORD)
        assert by_password.cookie != planted


class TestPasswords:
    def test_the_right_one_lets_in_and_goes_on_where_one_wanted_to_go(self, by_password):
        form = {"user": "jenny", "password": PASSWORD, "next": "/?mode=test"}
        assert (303, "/?mode=test") == seen(by_password.submit("/login", form))

    def test_a_wrong_one_and_an_unknown_name_are_told_the_same(self, serve):
        dashboard = serve(**USERS)
        answers = [dashboard.log_in(*each) for each in (("jenny", "wrong"), ("nobody", PASSWORD), ("", ""))]
        assert [401] * 3 == [answer.status for answer in answers]
        assert 1 == len({answer.body for answer in answers})

    def test_after_some_tries_a_user_is_asked_to_wait_whichever_process_is_tried(self, serve):
        one, other = serve(**USERS), serve(**USERS)
        for n in range(throttle.TRIES_OF_A_USER):
            assert (one, other)[n % 2].log_in("jenny", "wrong").status == 401
        answer = other.log_in("jenny", PASSWORD)
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= throttle.WINDOW_SECONDS
        assert one.log_in("otto", "another one altogether").status == 303

    def test_an_address_is_throttled_whomever_it_tries(self, serve):
        dashboard = serve(**USERS)
        for n in range(throttle.TRIES_OF_AN_ADDRESS):
            assert dashboard.log_in(f"user {n}", "wrong").status == 401
        assert dashboard.log_in("otto", "another one altogether").status == 429

    def test_without_redis_a_process_counts_by_itself(self, serve):
        dashboard = serve(**USERS, REDIS_URL="redis://127.0.0.1:1/0")
        for _ in range(throttle.TRIES_OF_A_USER):
            dashboard.log_in("jenny", "wrong")
        assert dashboard.log_in("jenny", PASSWORD).status == 429
        assert any("redis away" in line.get("event", "") for line in dashboard.lines())

    def test_forwarded_addresses_count_only_where_a_proxy_is_trusted(self, serve):
        trusting, not_trusting = serve(**USERS, DASHBOARD_PROXIES="127.0.0.0/8"), serve(**USERS)
        for dashboard, expected in ((trusting, 401), (not_trusting, 429)):
            for n in range(throttle.TRIES_OF_AN_ADDRESS):
                form = {"user": f"user {n}", "password": "wrong"}
                dashboard.submit("/login", form, X_Forwarded_For=f"198.51.100.{n}")
            form = {"user": "nobody", "password": "wrong"}
            assert expected == dashboard.submit("/login", form, X_Forwarded_For="203.0.113.9").status

    def test_a_log_in_that_is_too_long_is_not_read(self, by_password):
        answer = by_password.log_in("jenny", "x" * 5000)
        assert answer.status == 413
        assert b"no such page" not in answer.body

    def test_neither_names_nor_passwords_nor_tokens_are_logged(self, serve, tmp_path, redis):
        dashboard = serve(**USERS)
        dashboard.log_in("jenny", "wrong-password")
        dashboard.log_in("jenny", PASSWORD)
        dashboard.get("/?zone=Europe/Berlin")
        said = dashboard.output().decode()
        assert not any(each in said for each in ("jenny", "wrong-password", PASSWORD, "Berlin"))
        assert not any(b"jenny" in key for key in redis.scan_iter("*", count=1000))


class TestOtherPages:
    @pytest.mark.parametrize(
        "origin",
        ["https://evil.example", "http://localhost:1", "null", "http://localhost.evil.example", "file://"],
    )
    def test_a_form_of_another_page_does_nothing(self, by_password, origin):
        form = {"user": "jenny", "password": PASSWORD}
        assert by_password.submit("/login", form, Origin=origin).status == 403
        by_password.log_in("jenny", PASSWORD)
        assert by_password.submit("/logout", {}, Origin=origin).status == 403
        assert by_password.get("/").status == 200

    def test_a_form_that_does_not_say_where_it_comes_from_does_nothing(self, by_link):
        assert by_link.request("POST", "/logout", {}).status == 403

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", ""])
    def test_a_name_that_was_bound_to_this_machine_gets_nothing(self, by_link, host):
        by_link.enter()
        for path in ("/", "/login", "/enter?token=x"):
            assert by_link.request("GET", path, {"Host": host}).status in (400, 421)

    @pytest.mark.parametrize(
        "onward",
        ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:a(1)",
         "/\t/evil.example", "http:/evil.example", " //evil.example", "/\n/evil.example", "evil", "///evil"],
    )  # fmt: skip
    def test_logging_in_leads_nowhere_else(self, by_password, onward):
        form = {"user": "jenny", "password": PASSWORD, "next": onward}
        assert (303, "/") == seen(by_password.submit("/login", form))

    def test_a_header_does_not_make_us_another_host(self, by_link):
        answer = by_link.request("GET", "/", {"X-Forwarded-Host": "evil.example"})
        assert (303, "/login") == seen(answer)


def seen(answer):
    return answer.status, answer.headers["Location"]


def aged(cookie, by, monkeypatch):
    """The same session, opened `by` seconds ago."""
    name, _, value = cookie.partition("=")
    serializer = URLSafeTimedSerializer(
        SECRET.encode(),
        salt=sessions._SALT,
        signer_kwargs={"digest_method": sessions.sha256, "key_derivation": "hmac"},
    )
    told, then = serializer.loads(value), time.time() - by
    with monkeypatch.context() as past:
        past.setattr("itsdangerous.timed.time.time", lambda: then)
        return f"{name}={serializer.dumps(told)}"
