from claimx_pipeline.settings.secret import Secret


def test_a_secret_is_shown_by_reveal_alone():
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {secret!s} {[secret]}"
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"
