"""The signature of what is posted to clients."""

from workers import standard_webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_signature_is_that_of_the_standard():
    signed = standard_webhooks.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [SECRET]
    )
    assert "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" == signed["webhook-signature"]


def test_each_secret_of_a_roll_signs():
    signed = standard_webhooks.headers("msg_1", 1, b"{}", [SECRET, "plain"])["webhook-signature"]
    one, other = (standard_webhooks.headers("msg_1", 1, b"{}", [s]) for s in (SECRET, "plain"))
    assert f"{one['webhook-signature']} {other['webhook-signature']}" == signed
