"""What people hold is kept while they label, found again after a reload, and nobody else's."""

from storage import holding, leases
from storage.database import transaction
from tests.storage.building import TERM, Scene, take


def test_a_reloaded_page_gets_its_images_again(scene: Scene) -> None:
    scene.ask(scene.images)
    held = take(scene, "Ann", 5)
    with transaction(scene.db):
        again = holding.held_leases(scene.db, scene.who("Ann"), "Ann", [held[0].token], 3, scene.at, TERM)
    assert [lease.token for lease in again] == [lease.token for lease in held[1:4]]


def test_a_lease_is_renewed_when_a_quarter_of_its_term_is_over(scene: Scene) -> None:
    """In between nothing is written, and what is told is when the lease ends, not when a renewed one would."""
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)

    def ends() -> float:
        with transaction(scene.db):
            assert holding.renew(scene.db, [lease.token], scene.who("Ann"), "Ann", scene.at, TERM) == []
            (again,) = holding.held_leases(scene.db, scene.who("Ann"), "Ann", [], 1, scene.at, TERM)
        row = leases.get_lease(scene.db, lease.token)
        assert row is not None
        assert again.expires == row["expires"]
        return again.expires

    begun = scene.at.seconds
    scene.later(TERM / 4 - 1)
    assert ends() == begun + TERM
    scene.later(2)
    assert ends() == scene.at.seconds + TERM


def test_a_lease_another_tab_takes_over_is_renewed_for_it(scene: Scene) -> None:
    scene.ask(scene.images[:1])
    (lease,) = take(scene, "Ann", 1)
    ann, bob = scene.who("Ann"), scene.who("Bob")
    with transaction(scene.db):
        assert holding.renew(scene.db, [lease.token], ann, "second", scene.at, TERM) == []
        assert holding.held_leases(scene.db, ann, "Ann", [], 1, scene.at, TERM) == []
        assert holding.renew(scene.db, [lease.token, 99], bob, "Bob", scene.at, TERM) == [lease.token, 99]
